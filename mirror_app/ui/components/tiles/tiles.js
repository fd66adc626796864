// Tiles cut out of one picture. The component is mounted twice in one container: once with the bytes of the PNG file,
// which become the CSS variable --sheet of the container, and once with the description of the tiles.
// Python receives the trigger "picked" with the index of a tile.

const RING = 4; // pixels around a tile
const sheets = new WeakMap(); // the bytes that arrived last and the URL of the picture shown, by shadow root
const groups = new WeakMap(); // the tiles, by shadow root

export default function ({ data, parentElement, setTriggerValue }) {
  if (data instanceof Uint8Array) {
    showSheet(data, parentElement);
    return () => releaseSheet(parentElement);
  }
  if (!groups.has(parentElement)) groups.set(parentElement, new Tiles(parentElement));
  groups.get(parentElement).update(data, (index) => setTriggerValue("picked", index));
}

async function showSheet(bytes, root) {
  if (!sheets.has(root)) sheets.set(root, { newest: null, url: null });
  const sheet = sheets.get(root);
  if (sheet.newest === bytes) return;
  sheet.newest = bytes;
  const url = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  const image = new Image();
  image.src = url;
  await image.decode(); // the old picture stays until the new one can be drawn
  if (sheet.newest === bytes) {
    root.host.closest(".stVerticalBlock").style.setProperty("--sheet", `url("${url}")`);
    revoke(sheet.url);
    sheet.url = url;
  } else revoke(url); // a newer picture has arrived, or the tiles are gone
}

function releaseSheet(root) {
  if (root.host.isConnected) return; // Streamlit also cleans up after a call that was overtaken by a newer one
  const sheet = sheets.get(root);
  revoke(sheet.url);
  sheet.newest = sheet.url = null;
}

function revoke(url) {
  if (url !== null) URL.revokeObjectURL(url);
}

class Tiles {
  constructor(root) {
    this.root = root;
    this.group = document.createElement("div");
    this.group.className = "tiles";
    this.group.setAttribute("role", "group");
    this.group.addEventListener("click", (event) => this.onClick(event));
    this.group.addEventListener("keydown", (event) => this.onKey(event));
    this.group.addEventListener("focusin", (event) => {
      this.makeFocusable([...this.group.children].indexOf(event.target));
    });
    root.append(this.group);
    this.focusable = 0;
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
    while (group.children.length < data.names.length) group.append(newTile());
    data.names.forEach((name, index) => {
      const button = group.children[index];
      const [picture, caption] = button.children;
      caption.textContent = name;
      button.title = name;
      button.setAttribute("aria-label", name);
      const column = index % data.columns, row = Math.floor(index / data.columns);
      picture.style.backgroundPosition = `${offset(column, data.columns)} ${offset(row, data.rows)}`;
    });
    this.markSelected(data.selected);
    this.makeFocusable(Math.min(data.selected ?? this.focusable, data.names.length - 1));
    if (data.row && data.selected !== this.scrolledTo) {
      this.scrolledTo = data.selected; // scroll only once, so that the visitor can scroll away
      requestAnimationFrame(() => this.bringIntoView(group.children[data.selected], performance.now() + 10_000));
    }
  }

  // Keep the selected tile of a row in view: a picture that was just added is at the end of the row.
  // On a busy machine the row may not be laid out yet, so this is tried again until the tile is in view.
  bringIntoView(button, end) {
    if (!button?.isConnected || performance.now() > end) return;
    const view = this.group.getBoundingClientRect(), box = button.getBoundingClientRect();
    const left = box.left - RING - view.left, right = box.right + RING - view.right;
    if (view.width && left > -1 && right < 1) return;
    this.group.scrollLeft += Math.min(left, 0) + Math.max(right, 0);
    requestAnimationFrame(() => this.bringIntoView(button, end));
  }

  markSelected(selected) {
    [...this.group.children].forEach((button, index) => {
      if (this.data.selected === null) button.removeAttribute("aria-pressed");
      else button.setAttribute("aria-pressed", index === selected);
    });
  }

  makeFocusable(index) {
    this.focusable = index;
    [...this.group.children].forEach((button, position) => { button.tabIndex = position === index ? 0 : -1; });
  }

  onClick(event) {
    const index = [...this.group.children].indexOf(event.target.closest("button"));
    if (index < 0) return;
    this.markSelected(index);
    this.pick(index);
    if (this.data.selected === null) this.restoreFocusTo(this.group.children[index]);
  }

  // A pick may open a dialog, which loses the focus when it is closed.
  restoreFocusTo(button) {
    let open = false;
    this.observer?.disconnect();
    this.observer = new MutationObserver(() => {
      const dialog = document.querySelector('[role="dialog"]');
      if (open && !dialog) {
        this.observer.disconnect();
        button.focus();
      }
      open = dialog !== null;
    });
    this.observer.observe(document.body, { subtree: true, childList: true });
  }

  onKey(event) {
    event.stopPropagation(); // keep the key from Streamlit's shortcuts
    const buttons = [...this.group.children];
    const current = buttons.indexOf(event.target);
    const firstTop = buttons[0].offsetTop;
    const perRow = Math.max(buttons.filter((button) => button.offsetTop === firstTop).length, 1);
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow,
      Home: -current, End: buttons.length - 1 - current };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    buttons[current + steps[event.key]]?.focus();
  }
}

function newTile() {
  const button = document.createElement("button");
  button.type = "button";
  for (const name of ["picture", "caption"]) {
    const part = document.createElement("span");
    part.className = name;
    button.append(part);
  }
  return button;
}

// The offset of a tile as a CSS background-position: 0% is the first tile and 100% the last.
function offset(index, count) {
  return `${count > 1 ? (100 * index) / (count - 1) : 0}%`;
}
