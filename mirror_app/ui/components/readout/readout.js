// The numbers of a picture that stands in the same container: what lies under the pointer is told in a line below it,
// and marked in the legend beside that, where the colours have one: {colours, low, high}.
// The component is mounted twice there: once with the bytes of the numbers, float16, and once with what they are.
// Python receives the trigger "picked": [row, column].

const FINGER = matchMedia("(hover: none)");
const numbers = new WeakMap(); // by container: the numbers, each a share of the largest
const lines = new WeakMap(); // by shadow root: the line there

export default function ({ data, parentElement, setTriggerValue }) {
  const container = parentElement.host.closest(".stVerticalBlock");
  if (data instanceof Uint8Array) {
    const halves = new DataView(data.buffer, data.byteOffset, data.byteLength);
    numbers.set(container, Float32Array.from({ length: data.byteLength / 2 }, (_, n) => wide(halves.getUint16(2 * n, true))));
    return undefined;
  }
  if (!lines.has(parentElement)) lines.set(parentElement, new Line(parentElement, container));
  const line = lines.get(parentElement);
  line.update(data, (place) => setTriggerValue("picked", place));
  return () => line.leave();
}

// A number of 16 bits, as IEEE 754 has it.
function wide(half) {
  const sign = half & 0x8000 ? -1 : 1, exponent = (half >> 10) & 31, part = half & 1023;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + part / 1024) : 2 ** -14 * (part / 1024));
}

class Line {
  constructor(root, container) {
    this.root = root;
    this.container = container;
    this.line = document.createElement("output");
    this.line.className = "line";
    this.mark = document.createElement("span");
    this.mark.className = "mark";
    this.mark.hidden = true;
    this.legend = new Legend();
    this.foot = document.createElement("div");
    this.foot.className = "foot";
    this.foot.append(this.line, this.legend.element);
    root.append(this.foot, this.mark);
    this.onMove = (event) => this.point(event);
    this.onClick = (event) => this.click(event);
    this.onLeave = () => this.rest();
    this.onKey = (event) => this.key(event);
    this.watcher = new MutationObserver(() => this.name());
  }

  update(data, pick) {
    this.data = data;
    this.pick = pick;
    this.legend.update(data.legend);
    this.line.classList.toggle("several", data.planes.length > 1);
    this.leave();
    this.container.addEventListener("pointermove", this.onMove);
    this.container.addEventListener("pointerleave", this.onLeave);
    this.container.addEventListener("click", this.onClick);
    this.container.addEventListener("keydown", this.onKey);
    this.container.addEventListener("focusout", this.onLeave);
    this.watcher.observe(this.container, { subtree: true, childList: true });
    this.name();
    this.rest();
  }

  leave() {
    this.container.removeEventListener("pointermove", this.onMove);
    this.container.removeEventListener("pointerleave", this.onLeave);
    this.container.removeEventListener("click", this.onClick);
    this.container.removeEventListener("keydown", this.onKey);
    this.container.removeEventListener("focusout", this.onLeave);
    this.watcher.disconnect();
  }

  // The picture itself takes the focus, since a dialog keeps it from what stands in a shadow root.
  name() {
    this.image?.setAttribute("aria-label", this.data.label);
    this.image?.setAttribute("tabindex", "0");
  }

  get image() {
    return this.container.querySelector('[data-testid="stImage"] img');
  }

  under(event) {
    const box = this.image?.getBoundingClientRect();
    if (!box || event.composedPath()[0] !== this.image) return null;
    const part = (at, from, size, count) => Math.min(count - 1, Math.max(0, Math.floor(((at - from) / size) * count)));
    return [part(event.clientY, box.top, box.height, this.data.rows), part(event.clientX, box.left, box.width, this.data.columns)];
  }

  point(event) {
    const place = this.under(event);
    if (place) this.tell(place);
    else if (document.activeElement !== this.image) this.rest();
  }

  click(event) {
    const place = this.under(event);
    if (!place) return;
    if (this.data.picks) this.take(place);
    else this.tell(place); // a finger does not hover
  }

  take(place) {
    this.tell(place);
    this.pick(place);
  }

  key(event) {
    if (event.target !== this.image || event.key === "Tab" || event.key === "Escape") return;
    event.stopPropagation(); // Streamlit has shortcuts of its own
    const { rows, columns, picks } = this.data;
    const [row, column] = this.place ?? [Math.floor(rows / 2), Math.floor(columns / 2)];
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (event.key in steps) {
      event.preventDefault();
      const [down, across] = steps[event.key];
      this.tell([Math.min(rows - 1, Math.max(0, row + down)), Math.min(columns - 1, Math.max(0, column + across))]);
    } else if (event.key === "Enter" && picks) this.take([row, column]);
  }

  tell([row, column]) {
    this.place = [row, column];
    const { rows, columns, scales, planes, names } = this.data;
    const values = scales.map((scale, plane) => scale * this.share((plane * rows + row) * columns + column));
    const told = values.map((value, plane) => `${planes[plane]} ${names ? names[value] ?? value : value.toPrecision(3)}`.trim());
    this.line.textContent = `row ${row}, column ${column}: ${told.join(", ")}`;
    this.legend.mark(values.length === 1 ? values[0] : NaN);
    this.show(row, column);
  }

  share(number) {
    return numbers.get(this.container)?.[number] ?? NaN;
  }

  show(row, column) {
    const box = this.image?.getBoundingClientRect(), here = this.root.host.getBoundingClientRect();
    this.mark.hidden = !box;
    if (!box) return;
    const height = box.height / this.data.rows, width = box.width / this.data.columns;
    Object.assign(this.mark.style, {
      top: `${box.top - here.top + row * height}px`, left: `${box.left - here.left + column * width}px`,
      height: `${height}px`, width: `${width}px`,
    });
  }

  rest() {
    this.place = undefined;
    this.mark.hidden = true;
    this.legend.mark(NaN);
    this.line.textContent = FINGER.matches ? this.data.hint.replace("Hover over", "Tap") : this.data.hint;
  }
}

// What the colours mean: a bar from the lowest number to the highest.
class Legend {
  constructor() {
    this.element = document.createElement("div");
    this.element.className = "legend";
    this.element.setAttribute("role", "img");
    this.element.innerHTML = '<span></span><i><b hidden></b></i><span></span>';
    [this.low, this.bar, this.high] = this.element.children;
  }

  update(range) {
    this.element.hidden = !range;
    this.range = range;
    if (!range) return;
    const short = (number) => String(Number(number.toPrecision(3)));
    const signed = range.low < 0;
    this.low.textContent = signed ? `against ${short(range.low)}` : short(range.low);
    this.high.textContent = signed ? `${short(range.high)} for` : short(range.high);
    this.bar.style.background = `linear-gradient(to right, ${range.colours.join(", ")})`;
    this.element.setAttribute("aria-label", `The colours go from ${short(range.low)} to ${short(range.high)}`);
  }

  mark(number) {
    const tick = this.bar.firstChild;
    tick.hidden = !this.range || Number.isNaN(number);
    if (tick.hidden) return;
    const { low, high } = this.range;
    tick.style.left = `${100 * Math.min(1, Math.max(0, (number - low) / (high - low)))}%`;
  }
}
