// Asks the kernel for an answer while it works. Where none comes, clicks do not arrive either, and this line says so.
const ASK_AGAIN_MS = 1500;
const SHOW_AFTER_MS = 3500;

function render({ model, el }) {
  const line = document.createElement("div");
  line.setAttribute("role", "status");
  line.className = "lr-magic-delivery-hint";
  line.style.cssText = "line-height:1.5;max-width:60em";
  el.append(line);

  const isSettled = () => model.get("is_answered") || model.get("is_over");
  const ask = () => { if (!isSettled()) model.send({ kind: "hello" }); };
  const show = () => { line.textContent = isSettled() ? "" : model.get("text"); };
  let timers = [];
  const begin = () => {
    timers.forEach(clearTimeout);
    ask();
    // the first question may be sent before the front end has opened its way round the busy shell
    timers = [setTimeout(ask, ASK_AGAIN_MS), setTimeout(show, SHOW_AFTER_MS)];
  };
  const change = () => {
    if (isSettled()) line.textContent = "";
    else begin(); // another run in the same view
  };
  begin();
  model.on("change:is_answered", change);
  model.on("change:is_over", change);
  return () => {
    timers.forEach(clearTimeout);
    model.off("change:is_answered", change);
    model.off("change:is_over", change);
  };
}

export default { render };
