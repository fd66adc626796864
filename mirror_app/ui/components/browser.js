// What the browser does and Streamlit leaves alone: going back within a page is told to Python, and on a narrow window
// the sidebar, which covers the page, goes once what was chosen there is to be seen.
// Python receives the trigger "went": the query of the address that was gone to.

const NARROW = 768; // pixels: where Streamlit lays the sidebar over the page
const LEAVING = '[data-testid="stSidebarNavLink"], [data-testid="stBaseButton-primary"]';

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
  addEventListener("popstate", went);
  addEventListener("click", clicked);
  const end = () => {
    removeEventListener("popstate", went);
    removeEventListener("click", clicked);
  };
  ends.set(parentElement, end);
  return end;
}
