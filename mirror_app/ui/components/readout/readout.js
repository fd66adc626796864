// Shows the values of a picture in the same container. A line below the picture shows the value under the pointer, and
// the legend next to the line, {colours, low, high}, marks this value.
// The component is mounted twice in one container: once with the bytes of the values, float16, and once with their
// description. Python receives the trigger "picked" with [row, column], and "drawn" with the first and last row and column
// of a rectangle, which is drawn with the mouse, or with Shift and the arrow keys.

const TOUCH = matchMedia("(hover: none)");
const fractions = new WeakMap(); // the values, as fractions of their plane's largest magnitude, by container
const readouts = new WeakMap(); // the readouts, by shadow root

export default function ({ data, parentElement, setTriggerValue }) {
  const container = parentElement.host.closest(".stVerticalBlock");
  if (data instanceof Uint8Array) {
    const halves = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const count = data.byteLength / 2;
    fractions.set(container, Float32Array.from({ length: count }, (_, n) => fromHalf(halves.getUint16(2 * n, true))));
    return undefined;
  }
  if (!readouts.has(parentElement)) readouts.set(parentElement, new Readout(parentElement, container));
  const readout = readouts.get(parentElement);
  readout.update(data, setTriggerValue);
  return () => readout.disconnect();
}

// The number that 16 bits stand for in IEEE 754.
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

class Readout {
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
    this.onDown = (event) => this.startDrawing(event);
    this.onMove = (event) => this.pointAt(event);
    this.onUp = () => this.finishDrawing();
    this.onClick = (event) => this.click(event);
    this.onLeave = () => this.reset();
    this.onKey = (event) => this.pressKey(event);
    this.observer = new MutationObserver(() => this.makeFocusable());
  }

  update(data, send) {
    this.data = data;
    this.send = send;
    this.legend.update(data.legend);
    this.line.classList.toggle("several", data.planes.length > 1);
    this.disconnect();
    this.container.addEventListener("pointerdown", this.onDown);
    this.container.addEventListener("pointermove", this.onMove);
    window.addEventListener("pointerup", this.onUp);
    this.container.addEventListener("pointerleave", this.onLeave);
    this.container.addEventListener("click", this.onClick);
    this.container.addEventListener("keydown", this.onKey);
    this.container.addEventListener("focusout", this.onLeave);
    this.observer.observe(this.container, { subtree: true, childList: true });
    this.makeFocusable();
    this.reset();
  }

  disconnect() {
    this.container.removeEventListener("pointerdown", this.onDown);
    this.container.removeEventListener("pointermove", this.onMove);
    window.removeEventListener("pointerup", this.onUp);
    this.container.removeEventListener("pointerleave", this.onLeave);
    this.container.removeEventListener("click", this.onClick);
    this.container.removeEventListener("keydown", this.onKey);
    this.container.removeEventListener("focusout", this.onLeave);
    this.observer.disconnect();
  }

  // The picture itself takes the focus, since a dialog does not give the focus to an element in a shadow root.
  makeFocusable() {
    this.image?.setAttribute("aria-label", this.data.label);
    this.image?.setAttribute("tabindex", "0");
  }

  get image() {
    return this.container.querySelector('[data-testid="stImage"] img');
  }

  cellUnder(event) {
    const box = this.image?.getBoundingClientRect();
    if (!box || event.composedPath()[0] !== this.image) return null;
    const { rows, columns } = this.data;
    const index = (at, start, size, count) =>
      Math.min(count - 1, Math.max(0, Math.floor(((at - start) / size) * count)));
    return [index(event.clientY, box.top, box.height, rows), index(event.clientX, box.left, box.width, columns)];
  }

  pointAt(event) {
    const cell = this.cellUnder(event);
    if (cell) this.show(cell);
    else if (!this.start && document.activeElement !== this.image) this.reset();
  }

  startDrawing(event) {
    const cell = this.data.draws && event.pointerType === "mouse" && event.button === 0 && this.cellUnder(event);
    if (!cell) return;
    event.preventDefault(); // the browser would drag the picture
    this.image.focus({ preventScroll: true });
    this.start = cell;
  }

  finishDrawing() {
    if (!this.start) return;
    this.wasDrawn = this.isRectangle;
    if (this.wasDrawn) this.send("drawn", this.span.flat());
    this.start = undefined;
  }

  // The first and last row, and the first and last column, from the start of the rectangle to the cell.
  get span() {
    return [0, 1].map((axis) => [this.start?.[axis] ?? this.cell[axis], this.cell[axis]].sort((a, b) => a - b));
  }

  get isRectangle() {
    return Boolean(this.start && this.cell) && this.span.some(([first, last]) => first !== last);
  }

  click(event) {
    const cell = this.cellUnder(event);
    const wasDrawn = this.wasDrawn;
    this.wasDrawn = false;
    if (!cell || wasDrawn) return;
    if (this.data.picks) this.showAndPick(cell);
    else this.show(cell); // a finger does not hover
  }

  showAndPick(cell) {
    this.show(cell);
    this.send("picked", cell);
  }

  pressKey(event) {
    if (event.target !== this.image || event.key === "Tab" || event.key === "Escape") return;
    event.stopPropagation(); // keep the key from Streamlit's shortcuts
    const { rows, columns, picks } = this.data;
    const [row, column] = this.cell ?? [Math.floor(rows / 2), Math.floor(columns / 2)];
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (event.key in steps) {
      event.preventDefault();
      const [down, across] = steps[event.key];
      if (!event.shiftKey) this.start = undefined;
      else if (this.data.draws) this.start ??= [row, column];
      this.show([Math.min(rows - 1, Math.max(0, row + down)), Math.min(columns - 1, Math.max(0, column + across))]);
    } else if (event.key === "Enter" && this.isRectangle) {
      this.send("drawn", this.span.flat());
      this.start = undefined;
    } else if (event.key === "Enter" && picks) this.showAndPick([row, column]);
  }

  show([row, column]) {
    this.cell = [row, column];
    const { rows, columns, scales, planes, names } = this.data;
    const values = scales.map((scale, plane) => scale * this.fraction((plane * rows + row) * columns + column));
    const text = (value) => (names ? names[value] ?? value : value.toPrecision(3));
    const texts = values.map((value, plane) => `${planes[plane]} ${text(value)}`.trim());
    const [rowSpan, columnSpan] = this.span.map(([first, last]) => `${first} to ${last}`);
    this.line.textContent = this.isRectangle
      ? `rows ${rowSpan}, columns ${columnSpan}`
      : `row ${row}, column ${column}: ${texts.join(", ")}`;
    this.legend.mark(values.length === 1 && !this.isRectangle ? values[0] : NaN);
    this.markCells();
  }

  fraction(index) {
    return fractions.get(this.container)?.[index] ?? NaN;
  }

  markCells() {
    const [[top, bottom], [left, right]] = this.span;
    const box = this.image?.getBoundingClientRect(), host = this.root.host.getBoundingClientRect();
    this.mark.hidden = !box;
    if (!box) return;
    const height = box.height / this.data.rows, width = box.width / this.data.columns;
    Object.assign(this.mark.style, {
      top: `${box.top - host.top + top * height}px`, left: `${box.left - host.left + left * width}px`,
      height: `${(bottom - top + 1) * height}px`, width: `${(right - left + 1) * width}px`,
    });
  }

  reset() {
    this.cell = this.start = undefined;
    this.mark.hidden = true;
    this.legend.mark(NaN);
    this.line.textContent = TOUCH.matches ? this.data.hint.replace("Hover over", "Tap") : this.data.hint;
  }
}

// The meaning of the colours: a bar from the lowest value to the highest.
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

  mark(value) {
    const tick = this.bar.firstChild;
    tick.hidden = !this.range || Number.isNaN(value);
    if (tick.hidden) return;
    const { low, high } = this.range;
    tick.style.left = `${100 * Math.min(1, Math.max(0, (value - low) / (high - low)))}%`;
  }
}
