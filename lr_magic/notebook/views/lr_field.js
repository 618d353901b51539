// The field of the chosen learning rate: keys become messages, the kernel answers with the text to show.
const MOVES = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
const REST_AFTER_MS = 250;

function render({ model, el }) {
  const label = document.createElement("label");
  label.textContent = "lr ";
  label.style.marginLeft = "4px";
  const input = document.createElement("input");
  input.type = "text";
  input.size = 9;
  input.style.cssText = "font:inherit;padding:1px 4px;background:transparent;color:inherit;border:1px solid #8888;border-radius:3px";
  input.setAttribute("aria-label", "Chosen learning rate. Arrow keys move it along the curve, Home returns to the suggestion.");
  input.title = "Type a rate and press Enter. Arrow keys move along the curve, Home returns to the suggestion.";
  label.append(input);
  el.append(label);

  const send = (kind, value) => model.send({ kind, value });
  const show = () => { input.value = model.get("text"); };
  model.on("change:text", show);
  show();

  let rest;
  const waitForRest = () => { clearTimeout(rest); rest = setTimeout(() => send("rest", null), REST_AFTER_MS); };
  model.on("change:num_choices", waitForRest);

  const isEdited = () => input.value !== model.get("text");
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") send("typed", input.value);
    else if (event.key === "Escape") show();
    else if (event.key === "Home") send("home", null);
    else if (event.key in MOVES && !isEdited()) send("move", MOVES[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // The plot is a sibling that may be drawn later than this field: it is looked for when something happens.
  const plotOf = (event) => {
    const plot = event.target instanceof Element ? event.target.closest(".bqplot") : null;
    const root = el.closest(".lr-magic-live");
    return plot && root && root.contains(plot) ? plot : null;
  };
  let isInside = false;
  let isShifted = false;
  const shift = (isDown) => { if (isDown !== isShifted) { isShifted = isDown; send("shift", isDown); } };
  const onKey = (event) => { if (event.key === "Shift") shift(event.type === "keydown" && isInside); };
  const onClick = (event) => { if (plotOf(event)) input.focus({ preventScroll: true }); };
  const onMove = (event) => {
    if (event.buttons) return; // a drag under way keeps its mode
    const isNow = plotOf(event) !== null;
    if (isNow !== isInside) { isInside = isNow; shift(isNow && event.shiftKey); }
  };
  const listeners = [["keydown", onKey], ["keyup", onKey], ["click", onClick], ["mousemove", onMove]];
  listeners.forEach(([kind, handle]) => document.addEventListener(kind, handle, true));
  return () => {
    clearTimeout(rest);
    model.off("change:text", show);
    model.off("change:num_choices", waitForRest);
    listeners.forEach(([kind, handle]) => document.removeEventListener(kind, handle, true));
  };
}

export default { render };
