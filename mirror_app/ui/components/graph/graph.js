// A graph that Streamlit draws in the same container, made of buttons: each box and each frame is a layer, and the one
// that is chosen is scrolled to. Python receives the trigger "picked": the dotted name of a layer.

const EDGE = 16; // pixels
const graphs = new WeakMap(); // by shadow root: the graph beside it

export default function ({ data, parentElement, setTriggerValue }) {
  if (!graphs.has(parentElement)) graphs.set(parentElement, new Graph(parentElement.host.closest(".stVerticalBlock")));
  const graph = graphs.get(parentElement);
  graph.update(data, (name) => setTriggerValue("picked", name));
  return () => graph.leave();
}

class Graph {
  constructor(container) {
    this.container = container;
    this.watcher = new MutationObserver(() => this.draw());
    this.onClick = (event) => this.take(event.target);
    this.onKey = (event) => this.key(event);
  }

  update(data, pick) {
    this.layers = new Set(data.layers);
    this.chosen = data.chosen;
    this.scrolled = false;
    this.pick = pick;
    this.leave();
    this.container.addEventListener("click", this.onClick);
    this.container.addEventListener("keydown", this.onKey);
    // It is drawn after this call, and drawing it anew takes away what was written on it.
    this.watcher.observe(this.container, { subtree: true, childList: true, attributeFilter: ["role"] });
    this.draw();
  }

  leave() {
    this.watcher.disconnect();
    this.container.removeEventListener("click", this.onClick);
    this.container.removeEventListener("keydown", this.onKey);
  }

  draw() {
    for (const part of this.container.querySelectorAll("g.node, g.cluster")) {
      const name = layer(part);
      if (!this.layers.has(name) || part.getAttribute("role") === "button") continue;
      part.setAttribute("aria-label", name);
      part.setAttribute("tabindex", "0");
      part.setAttribute("role", "button");
    }
    const chosen = [...this.container.querySelectorAll("g.node, g.cluster")].find((part) => layer(part) === this.chosen);
    if (chosen && !this.scrolled) this.scroll(chosen);
  }

  scroll(part) {
    this.scrolled = true;
    const here = this.container.getBoundingClientRect(), there = part.getBoundingClientRect();
    // In the middle, or where it is too large, its beginning.
    this.container.scrollTop += there.top - here.top - Math.max(EDGE, (here.height - there.height) / 2);
    this.container.scrollLeft += there.left - here.left - Math.max(EDGE, (here.width - there.width) / 2);
  }

  key(event) {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has shortcuts of its own
    this.take(event.target);
  }

  take(element) {
    const part = element.closest('g[role="button"]');
    if (part) this.pick(layer(part));
  }
}

// Graphviz names a box by its title, and a frame by a word of its own before it.
function layer(part) {
  return part.querySelector("title").textContent.replace(/^cluster /, "");
}
