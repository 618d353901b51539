// The field of the chosen learning rate: keys become messages, the kernel answers with the text to show.
const MOVES = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };

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

  // The plot is a sibling: found once both stand on the page.
  const cleanups = [];
  const frame = requestAnimationFrame(() => {
    const root = el.closest(".lr-magic-live");
    const plot = root && root.querySelector(".bqplot");
    if (!plot) return;
    const focus = () => input.focus({ preventScroll: true });
    let isInside = false;
    let isShifted = false;
    const shift = (isDown) => { if (isDown !== isShifted) { isShifted = isDown; send("shift", isDown); } };
    const onKey = (event) => {
      if (event.key === "Shift") shift(event.type === "keydown" && isInside);
    };
    const enter = (event) => { isInside = true; shift(event.shiftKey); };
    const leave = (event) => { isInside = false; if (!event.buttons) shift(false); };
    plot.addEventListener("click", focus);
    plot.addEventListener("mouseenter", enter);
    plot.addEventListener("mouseleave", leave);
    document.addEventListener("keydown", onKey, true);
    document.addEventListener("keyup", onKey, true);
    cleanups.push(() => {
      plot.removeEventListener("click", focus);
      plot.removeEventListener("mouseenter", enter);
      plot.removeEventListener("mouseleave", leave);
      document.removeEventListener("keydown", onKey, true);
      document.removeEventListener("keyup", onKey, true);
    });
  });
  return () => { cancelAnimationFrame(frame); model.off("change:text", show); cleanups.forEach((undo) => undo()); };
}

export default { render };
