// Works on a graph that Streamlit draws in the same container: fits it into the container, turns its boxes and frames
// into buttons, and scrolls to the chosen layer. Python receives the trigger "picked" with the dotted name of a layer.

const MIN_SCALE = 0.6; // letters of 10 pixels: a graph that would need smaller ones scrolls
const PIXELS_PER_POINT = 4 / 3; // Graphviz measures in points
const MARGIN = 16; // pixels above and left of a part that is too large to be centred
const graphs = new WeakMap(); // the graph in the same container, by shadow root

export default function ({ data, parentElement, setTriggerValue }) {
  if (!graphs.has(parentElement)) graphs.set(parentElement, new Graph(parentElement.host.closest(".stVerticalBlock")));
  const graph = graphs.get(parentElement);
  graph.update(data, (name) => setTriggerValue("picked", name));
  return () => graph.disconnect();
}

class Graph {
  constructor(container) {
    this.container = container;
    this.observer = new MutationObserver(() => this.prepare());
    this.resizes = new ResizeObserver(() => this.fit());
    this.onClick = (event) => this.pickFrom(event.target);
    this.onKey = (event) => this.pressKey(event);
  }

  update(data, pick) {
    this.layers = new Set(data.layers);
    this.chosen = data.chosen;
    this.scrolled = false;
    this.pick = pick;
    this.disconnect();
    this.container.addEventListener("click", this.onClick);
    this.container.addEventListener("keydown", this.onKey);
    // Streamlit draws the graph after this call, and may redraw it, which removes the attributes.
    this.observer.observe(this.container, { subtree: true, childList: true, attributeFilter: ["role"] });
    this.resizes.observe(this.container);
    this.prepare();
  }

  disconnect() {
    this.observer.disconnect();
    this.resizes.disconnect();
    this.container.removeEventListener("click", this.onClick);
    this.container.removeEventListener("keydown", this.onKey);
  }

  prepare() {
    this.fit();
    this.addButtons();
  }

  fit() {
    const svg = this.container.querySelector('[data-testid="stGraphVizChart"] svg');
    if (!svg) return;
    const style = getComputedStyle(this.container);
    const room = {
      width: this.container.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
      height: this.container.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom),
    };
    const { width, height } = svg.viewBox.baseVal;
    const fitting = Math.min(room.width / width, room.height / height) / PIXELS_PER_POINT;
    const scale = PIXELS_PER_POINT * Math.min(1, Math.max(MIN_SCALE, fitting));
    svg.style.width = `${width * scale}px`;
    svg.style.height = `${height * scale}px`;
  }

  addButtons() {
    const parts = [...this.container.querySelectorAll("g.node, g.cluster")];
    for (const part of parts) {
      const name = layerName(part);
      if (!this.layers.has(name) || part.getAttribute("role") === "button") continue;
      part.setAttribute("aria-label", name);
      part.setAttribute("tabindex", "0");
      part.setAttribute("role", "button");
    }
    const chosen = parts.find((part) => layerName(part) === this.chosen);
    if (chosen && !this.scrolled) this.scrollTo(chosen);
  }

  scrollTo(part) {
    this.scrolled = true;
    const view = this.container.getBoundingClientRect(), box = part.getBoundingClientRect();
    // Centre the part, or show the top left corner of one that is too large.
    this.container.scrollTop += box.top - view.top - Math.max(MARGIN, (view.height - box.height) / 2);
    this.container.scrollLeft += box.left - view.left - Math.max(MARGIN, (view.width - box.width) / 2);
  }

  pressKey(event) {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation(); // keep the key from Streamlit's shortcuts
    this.pickFrom(event.target);
  }

  pickFrom(element) {
    const part = element.closest('g[role="button"]');
    if (part) this.pick(layerName(part));
  }
}

// Graphviz writes the name of a layer into the title of its part, with a prefix for a frame.
function layerName(part) {
  return part.querySelector("title").textContent.replace(/^cluster /, "");
}
