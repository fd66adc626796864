// What the browser does and Streamlit leaves alone: going back within a page is told to Python, and on a narrow window
// the sidebar, which covers the page, goes once what was chosen there is to be seen; and help is no switch.
// Python receives the trigger "went": the query of the address that was gone to.

const NARROW = 768; // pixels: where Streamlit lays the sidebar over the page
const LEAVING = '[data-testid="stSidebarNavLink"], [data-testid="stBaseButton-primary"]';
const HELP = '[data-testid="stCheckbox"] [data-testid="stTooltipIcon"]';
const PRESSES = ["pointerdown", "pointerup", "mousedown", "mouseup", "touchstart", "touchend", "click"];

const ends = new WeakMap(); // by shadow root: what takes its listeners away

export default function ({ parentElement, setTriggerValue }) {
  ends.get(parentElement)?.();
  let page = location.pathname;
  const went = () => {
    if (location.pathname !== page) page = location.pathname; // Streamlit sees to another page
    else if (location.search) setTriggerValue("went", location.search);
    else history.back(); // the address before the first view was written into it
  };
  const clicked = (event) => {
    const sidebar = document.querySelector('[data-testid="stSidebar"]');
    if (innerWidth < NARROW && sidebar?.contains(event.target) && event.target.closest(LEAVING))
      setTimeout(() => sidebar.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click(), 200);
  };
  // A press on the “?” beside a switch asks for help, and turns no switch.
  const pressed = (event) => {
    if (!event.target.closest?.(HELP)) return;
    event.stopPropagation();
    if (event.type === "click") event.preventDefault();
  };
  PRESSES.forEach((kind) => addEventListener(kind, pressed, true));
  addEventListener("popstate", went);
  addEventListener("click", clicked);
  const end = () => {
    PRESSES.forEach((kind) => removeEventListener(kind, pressed, true));
    removeEventListener("popstate", went);
    removeEventListener("click", clicked);
  };
  ends.set(parentElement, end);
  return end;
}
