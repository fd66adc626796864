// Tiles cut out of one picture. The component is mounted twice in one container: once with the bytes of the PNG, which
// it gives to that container as the CSS variable --sheet, and once with what the tiles are, which show parts of it.
// Python receives the trigger "picked": the index of a tile.

const RING = 4; // pixels around a tile
const sheets = new WeakMap(); // by shadow root: the bytes that came last there, and the address of what is shown
const groups = new WeakMap(); // by shadow root: the tiles there

export default function ({ data, parentElement, setTriggerValue }) {
  if (data instanceof Uint8Array) {
    hold(data, parentElement);
    return () => release(parentElement);
  }
  if (!groups.has(parentElement)) groups.set(parentElement, new Tiles(parentElement));
  groups.get(parentElement).update(data, (index) => setTriggerValue("picked", index));
}

async function hold(bytes, root) {
  if (!sheets.has(root)) sheets.set(root, { newest: null, address: null });
  const sheet = sheets.get(root);
  if (sheet.newest === bytes) return;
  sheet.newest = bytes;
  const address = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  const image = new Image();
  image.src = address;
  await image.decode(); // the old picture stays until the new one can be drawn
  if (sheet.newest === bytes) {
    root.host.closest(".stVerticalBlock").style.setProperty("--sheet", `url("${address}")`);
    forget(sheet.address);
    sheet.address = address;
  } else forget(address); // a newer one has come, or nobody looks any more
}

function release(root) {
  if (root.host.isConnected) return; // Streamlit also cleans up after a call that a newer one overtook
  const sheet = sheets.get(root);
  forget(sheet.address);
  sheet.newest = sheet.address = null;
}

function forget(address) {
  if (address !== null) URL.revokeObjectURL(address);
}

class Tiles {
  constructor(root) {
    this.root = root;
    this.group = document.createElement("div");
    this.group.className = "tiles";
    this.group.setAttribute("role", "group");
    this.group.addEventListener("click", (event) => this.onClick(event));
    this.group.addEventListener("keydown", (event) => this.onKey(event));
    this.group.addEventListener("focusin", (event) => this.restAt([...this.group.children].indexOf(event.target)));
    root.append(this.group);
    this.resting = 0;
  }

  update(data, pick) {
    this.data = data;
    this.pick = pick;
    const { group } = this;
    group.setAttribute("aria-label", data.label);
    group.style.setProperty("--width", `${data.width}px`);
    group.style.setProperty("--ratio", data.ratio);
    group.style.setProperty("--size", `${100 * data.columns}% ${100 * data.rows}%`);
    group.classList.toggle("pixelated", data.pixelated);
    group.classList.toggle("captions", data.captions);
    group.classList.toggle("row", data.row);
    while (group.children.length > data.names.length) group.lastElementChild.remove();
    while (group.children.length < data.names.length) group.append(tile());
    data.names.forEach((name, index) => {
      const button = group.children[index];
      const [picture, caption] = button.children;
      caption.textContent = name;
      button.title = name;
      button.setAttribute("aria-label", name);
      const across = index % data.columns, down = Math.floor(index / data.columns);
      picture.style.backgroundPosition = `${part(across, data.columns)} ${part(down, data.rows)}`;
    });
    this.mark(data.selected);
    this.restAt(Math.min(data.selected ?? this.resting, data.names.length - 1));
    if (data.row && data.selected !== this.brought) {
      this.brought = data.selected; // a row that is scrolled by hand afterwards stays where it is
      requestAnimationFrame(() => this.bring(group.children[data.selected]));
    }
  }

  // Of a row that scrolls, the selected tile is in sight: what was just added is the last one.
  bring(button) {
    if (!button) return;
    const here = this.group.getBoundingClientRect(), there = button.getBoundingClientRect();
    const left = there.left - RING - here.left, right = there.right + RING - here.right;
    this.group.scrollLeft += Math.min(left, 0) + Math.max(right, 0);
  }

  mark(selected) {
    [...this.group.children].forEach((button, index) => {
      if (this.data.selected === null) button.removeAttribute("aria-pressed");
      else button.setAttribute("aria-pressed", index === selected);
    });
  }

  restAt(index) {
    this.resting = index;
    [...this.group.children].forEach((button, place) => { button.tabIndex = place === index ? 0 : -1; });
  }

  onClick(event) {
    const index = [...this.group.children].indexOf(event.target.closest("button"));
    if (index < 0) return;
    this.mark(index);
    this.pick(index);
    if (this.data.selected === null) this.comeBackTo(this.group.children[index]);
  }

  // What a pick opens takes the focus with it when it is closed.
  comeBackTo(button) {
    let open = false;
    this.watcher?.disconnect();
    this.watcher = new MutationObserver(() => {
      const dialog = document.querySelector('[role="dialog"]');
      if (open && !dialog) {
        this.watcher.disconnect();
        button.focus();
      }
      open = dialog !== null;
    });
    this.watcher.observe(document.body, { subtree: true, childList: true });
  }

  onKey(event) {
    event.stopPropagation(); // Streamlit has shortcuts of its own
    const buttons = [...this.group.children];
    const here = buttons.indexOf(event.target);
    const first = buttons[0].offsetTop;
    const across = Math.max(buttons.filter((button) => button.offsetTop === first).length, 1);
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across,
      Home: -here, End: buttons.length - 1 - here };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    buttons[here + steps[event.key]]?.focus();
  }
}

function tile() {
  const button = document.createElement("button");
  button.type = "button";
  for (const name of ["picture", "caption"]) {
    const part = document.createElement("span");
    part.className = name;
    button.append(part);
  }
  return button;
}

// Where the n-th of so many parts begins, as CSS counts it: 0 % is the first part and 100 % the last.
function part(number, count) {
  return `${count > 1 ? (100 * number) / (count - 1) : 0}%`;
}
