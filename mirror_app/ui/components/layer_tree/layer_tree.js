// A tree of layers that follows the ARIA pattern, drawn as a flat list of the visible rows.
// The component is mounted twice. One mount gets {key, nodes, height}, draws the tree and sets the state "picked" to
// {name, pushCount}. The other gets {key, pushed, pushCount} when Python selects a layer (a push), so that the push does
// not send the nodes again.

const memories = new Map(); // the state that survives a change of the data, by key

export default function ({ data, parentElement, setStateValue }) {
  const memory = memories.get(data.key) ?? {
    open: new Set([""]), query: "", scroll: 0, focus: "", selected: "", pushCount: null, isPending: false, tree: null,
  };
  memories.set(data.key, memory);
  if (data.nodes) {
    if (memory.tree?.root !== parentElement) memory.tree = new LayerTree(parentElement, memory);
    memory.tree.read(data.nodes, data.height, (name) => setStateValue("picked", { name, pushCount: memory.pushCount }));
  } else if (data.pushCount !== memory.pushCount) {
    Object.assign(memory, { selected: data.pushed, focus: data.pushed, pushCount: data.pushCount, isPending: true });
  }
  memory.tree?.update();
}

function element(tag, className, attributes = {}) {
  const result = document.createElement(tag);
  result.className = className;
  for (const [name, value] of Object.entries(attributes)) result.setAttribute(name, value);
  return result;
}

function textElement(className, text) {
  const result = element("span", className);
  result.textContent = text; // never innerHTML: names are untrusted
  return result;
}

function setAttribute(row, name, value) {
  if (row.getAttribute(name) !== String(value)) row.setAttribute(name, value);
}

class LayerTree {
  constructor(root, memory) {
    this.root = root;
    this.memory = memory;
    this.rows = new Map();
    this.box = element("div", "box");
    this.search = element("div", "search");
    this.filter = element("input", "filter", {
      type: "text", "aria-label": "Filter layers", placeholder: "Filter by name or type",
      autocomplete: "off", spellcheck: "false",
    });
    this.count = element("output", "count");
    this.list = element("div", "list", { role: "tree", "aria-label": "Layers" });
    this.noMatch = element("p", "nothing", { role: "status" });
    this.foot = element("div", "foot");
    this.path = element("div", "path");
    this.path.append(element("bdi", "whole"));
    this.facts = element("div", "facts");
    this.search.append(this.filter, this.count, this.noMatch);
    this.foot.append(this.path, this.facts);
    this.box.append(this.search, this.list, this.foot);
    root.append(this.box);
    this.filter.value = this.memory.query;
    this.listen();
  }

  listen() {
    // Streamlit's shortcuts ("r" runs again, "c" clears the cache) cannot see that the target here is a text field.
    for (const kind of ["keydown", "keyup", "keypress"]) {
      this.box.addEventListener(kind, (event) => event.stopPropagation());
    }
    this.filter.addEventListener("input", () => this.searchFor(this.filter.value));
    this.filter.addEventListener("keydown", (event) => this.onFilterKey(event));
    this.list.addEventListener("keydown", (event) => this.onKey(event));
    this.list.addEventListener("click", (event) => this.onClick(event));
    this.list.addEventListener("focusin", (event) => this.onFocus(event.target));
    this.list.addEventListener("scroll", () => { this.memory.scroll = this.list.scrollTop; }, { passive: true });
  }

  // -- data from Python ---------------------------------------------------------------------------------------

  read(nodes, height, onSelect) {
    this.onSelect = onSelect;
    this.list.style.setProperty("--height", `${height}px`);
    this.nodes = new Map(nodes.map((node) => [node.name, { ...node, children: [] }]));
    for (const node of this.nodes.values()) {
      const parent = this.nodes.get(node.parent);
      node.depth = parent ? parent.depth + 1 : 0;
      node.searchText = `${node.name} ${node.type}`.toLowerCase();
      parent?.children.push(node);
      node.position = parent?.children.length ?? 1;
    }
    this.isStale = true;
  }

  update() {
    const { memory, list } = this;
    const focused = list.contains(this.root.activeElement);
    if (this.isStale) {
      this.rows.clear();
      list.replaceChildren();
      this.isStale = false;
    }
    const isPushed = memory.isPending && this.nodes.has(memory.selected); // if not, its nodes have not arrived yet
    if (isPushed) {
      memory.isPending = false;
      this.openTo(memory.selected);
    }
    this.draw();
    list.scrollTop = memory.scroll;
    if (isPushed) this.reveal(memory.selected);
    if (focused) this.rows.get(memory.focus)?.focus({ preventScroll: true });
  }

  // -- drawing ------------------------------------------------------------------------------------------------

  row(node) {
    let row = this.rows.get(node.name);
    if (row) return row;
    row = element("div", "row", {
      role: "treeitem", "aria-level": node.depth + 1, "aria-posinset": node.position,
      "aria-setsize": this.nodes.get(node.parent)?.children.length ?? 1,
      "aria-label": [node.label, node.type, node.reached ? node.shape : "not reached",
        node.weights && `${node.weights} weights`].filter(Boolean).join(", "),
      title: node.note || node.name,
    });
    if (!node.reached) row.setAttribute("aria-disabled", "true");
    row.style.setProperty("--depth", node.depth);
    const name = element("span", "name");
    name.append(textElement("label", node.label), textElement("type", node.type));
    row.append(
      element("span", node.children.length ? "chevron" : "leaf"), name,
      textElement("shape", node.reached ? node.shape : "not reached"), textElement("weights", node.weights),
    );
    row.dataset.name = node.name;
    this.rows.set(node.name, row);
    return row;
  }

  visibleNames() {
    const { open, query } = this.memory;
    const searched = query.trim().toLowerCase();
    const shown = new Set();
    this.matches = [];
    for (const node of this.nodes.values()) {
      if (!searched) {
        if (!node.depth || (shown.has(node.parent) && open.has(node.parent))) shown.add(node.name);
      } else if (node.searchText.includes(searched)) {
        this.matches.push(node);
        for (let ancestor = node; ancestor; ancestor = this.nodes.get(ancestor.parent)) shown.add(ancestor.name);
      }
    }
    return shown;
  }

  draw() {
    const { memory } = this;
    const shown = this.visibleNames();
    const filtering = memory.query.trim() !== "";
    if (!shown.has(memory.focus)) memory.focus = this.nearestVisible(memory.focus, shown);
    for (const row of [...this.list.children]) if (!shown.has(row.dataset.name)) row.remove();
    let next = this.list.firstElementChild;
    for (const node of this.nodes.values()) {
      if (!shown.has(node.name)) continue;
      const row = this.row(node);
      if (row === next) next = next.nextElementSibling;
      else this.list.insertBefore(row, next);
      setAttribute(row, "tabindex", node.name === memory.focus ? 0 : -1);
      setAttribute(row, "aria-selected", node.name === memory.selected);
      if (node.children.length) setAttribute(row, "aria-expanded", this.expanded(node, shown, filtering));
    }
    const hasNoMatch = filtering && !this.matches.length;
    this.noMatch.textContent = hasNoMatch ? `no layer matches “${memory.query.trim()}”` : "";
    this.count.textContent = filtering && !hasNoMatch ? `${this.matches.length} of ${this.nodes.size}` : "";
    this.drawFoot();
  }

  expanded(node, shown, filtering) {
    return filtering ? node.children.some((child) => shown.has(child.name)) : this.memory.open.has(node.name);
  }

  drawFoot() {
    const node = this.nodes.get(this.memory.selected);
    this.path.title = this.path.firstChild.textContent = node ? node.name || node.label : "";
    this.facts.textContent = node
      ? [node.type, node.shape, node.weights && `${node.weights} weights`].filter(Boolean).join(" · ") : "";
  }

  // -- focus and scrolling ------------------------------------------------------------------------------------

  nearestVisible(name, shown) {
    for (let ancestor = this.nodes.get(name); ancestor; ancestor = this.nodes.get(ancestor.parent)) {
      if (shown.has(ancestor.name)) return ancestor.name;
    }
    return shown.values().next().value ?? "";
  }

  openTo(name) {
    let ancestor = this.nodes.get(this.nodes.get(name)?.parent);
    for (; ancestor; ancestor = this.nodes.get(ancestor.parent)) this.memory.open.add(ancestor.name);
  }

  reveal(name) {
    const row = this.rows.get(name);
    if (!row?.isConnected) return;
    const { list } = this;
    const highest = row.offsetTop - 2 * row.offsetHeight; // leave two rows in view above and below it
    const lowest = row.offsetTop + 3 * row.offsetHeight - list.clientHeight;
    // Set scrollTop: scrollIntoView would scroll the page too.
    list.scrollTop = Math.max(Math.min(list.scrollTop, highest), lowest);
  }

  goTo(row) {
    row?.focus({ preventScroll: true });
    if (row) this.reveal(row.dataset.name);
  }

  onFocus(row) {
    this.rows.get(this.memory.focus)?.setAttribute("tabindex", -1);
    row.setAttribute("tabindex", 0);
    this.memory.focus = row.dataset.name;
  }

  // -- events -------------------------------------------------------------------------------------------------

  activate(node) {
    const { memory } = this;
    const closes = memory.open.has(node.name) && (memory.selected === node.name || !node.reached);
    if (closes) memory.open.delete(node.name);
    else memory.open.add(node.name);
    if (node.reached && memory.selected !== node.name) {
      memory.selected = node.name;
      this.onSelect(node.name);
    }
    this.draw();
  }

  toggle(node, open) {
    if (open) this.memory.open.add(node.name);
    else this.memory.open.delete(node.name);
    this.draw();
  }

  searchFor(query) {
    const { memory, list } = this;
    if (!memory.query && query) list.style.minHeight = `${list.offsetHeight}px`; // so that the page below does not move
    memory.query = query;
    if (!query) {
      list.style.minHeight = "";
      this.openTo(memory.selected);
    }
    this.draw();
    list.scrollTop = 0;
    if (!query) this.reveal(memory.selected);
  }

  clear() {
    this.filter.value = "";
    this.searchFor("");
  }

  onClick(event) {
    const row = event.target.closest(".row");
    if (!row) return;
    const node = this.nodes.get(row.dataset.name);
    if (event.target.className === "chevron") this.toggle(node, row.getAttribute("aria-expanded") !== "true");
    else this.activate(node);
  }

  onFilterKey(event) {
    if (event.key === "Escape" && this.filter.value) this.clear();
    else if (["ArrowDown", "Enter"].includes(event.key)) {
      event.preventDefault();
      this.goTo(this.matches.length ? this.rows.get(this.matches[0].name) : this.rows.get(this.memory.focus));
    }
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = event.target;
    const node = this.nodes.get(row.dataset.name);
    const expanded = row.getAttribute("aria-expanded");
    const parent = this.rows.get(node.parent);
    const actions = {
      ArrowDown: () => this.goTo(row.nextElementSibling),
      ArrowUp: () => this.goTo(row.previousElementSibling),
      ArrowRight: () => (expanded === "false" ? this.toggle(node, true)
        : expanded === "true" && this.goTo(row.nextElementSibling)),
      ArrowLeft: () => (expanded === "true" && !this.memory.query ? this.toggle(node, false) : this.goTo(parent)),
      Home: () => this.goTo(this.list.firstElementChild),
      End: () => this.goTo(this.list.lastElementChild),
      Enter: () => this.activate(node),
      " ": () => this.activate(node),
      Escape: () => this.clear(),
    };
    if (actions[event.key]) {
      event.preventDefault();
      actions[event.key]();
    } else if (event.key.length === 1) this.filter.focus(); // the letter lands in the filter
  }
}
