// Names the plots of a live view for screen readers: their marks alone would be read as a heap of numbers.
const LOOK_AGAIN_MS = 300;
const LOOKS = 40;

function render({ model, el }) {
  let looks = 0;
  let timer = null;
  const name = () => {
    const root = el.closest(".lr-magic-live");
    const plots = root ? [...root.querySelectorAll(".bqplot")] : [];
    const names = model.get("names");
    plots.forEach((plot, i) => {
      plot.setAttribute("role", "img");
      plot.setAttribute("aria-label", names[i] ?? "");
    });
    looks += 1;
    if (plots.length < names.length && looks < LOOKS) timer = setTimeout(name, LOOK_AGAIN_MS); // still being loaded
  };
  timer = setTimeout(name, 0);
  model.on("change:names", name);
  return () => { clearTimeout(timer); model.off("change:names", name); };
}

export default { render };
