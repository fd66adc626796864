// Browser events that Streamlit does not handle. Going back within a page is reported to Python. On a narrow window the
// sidebar covers the page, so it closes after a choice. Clicking the help icon next to a switch does not toggle it.
// Python receives the trigger "went" with the query of the URL that the visitor went to.

const NARROW = 768; // pixels: below this width, Streamlit shows the sidebar over the page
const CLOSING = '[data-testid="stSidebarNavLink"], [data-testid="stBaseButton-primary"]';
const HELP_ICON = '[data-testid="stCheckbox"] [data-testid="stTooltipIcon"]';
const PRESS_EVENTS = ["pointerdown", "pointerup", "mousedown", "mouseup", "touchstart", "touchend", "click"];

const cleanups = new WeakMap(); // the functions that remove the listeners, by shadow root

export default function ({ parentElement, setTriggerValue }) {
  cleanups.get(parentElement)?.();
  let page = location.pathname;
  const onPopState = () => {
    if (location.pathname !== page) page = location.pathname; // Streamlit handles another page
    else if (location.search) setTriggerValue("went", location.search);
    else history.back(); // this entry is from before the first view was written into the URL: skip it
  };
  const onClick = (event) => {
    const sidebar = document.querySelector('[data-testid="stSidebar"]');
    if (innerWidth < NARROW && sidebar?.contains(event.target) && event.target.closest(CLOSING))
      setTimeout(() => sidebar.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click(), 200);
  };
  // Clicking the “?” next to a switch must not toggle the switch.
  const onPress = (event) => {
    if (!event.target.closest?.(HELP_ICON)) return;
    event.stopPropagation();
    if (event.type === "click") event.preventDefault();
  };
  PRESS_EVENTS.forEach((kind) => addEventListener(kind, onPress, true));
  addEventListener("popstate", onPopState);
  addEventListener("click", onClick);
  const cleanUp = () => {
    PRESS_EVENTS.forEach((kind) => removeEventListener(kind, onPress, true));
    removeEventListener("popstate", onPopState);
    removeEventListener("click", onClick);
  };
  cleanups.set(parentElement, cleanUp);
  return cleanUp;
}
