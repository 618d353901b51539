// A command to be run in another cell, with a button that copies it.
const COPIED_MS = 2000;

function render({ model, el }) {
  const line = document.createElement("div");
  line.style.lineHeight = "1.8";
  const code = document.createElement("code");
  const copy = document.createElement("button");
  copy.type = "button";
  copy.style.cssText = "font:inherit;margin-left:8px;padding:0 8px;background:transparent;color:inherit;border:1px solid #8888;border-radius:3px;cursor:pointer";
  copy.title = "Copy the command";
  copy.setAttribute("aria-label", "Copy the command");
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  said.style.marginLeft = "8px";
  copy.textContent = "Copy";
  line.append(document.createTextNode(model.get("label") + " "), code, copy, said);
  el.append(line);

  const show = () => {
    code.textContent = model.get("command");
    line.style.display = model.get("command") ? "" : "none";
    said.textContent = "";
  };
  model.on("change:command", show);
  show();

  let timer = null;
  copy.addEventListener("click", async () => {
    said.textContent = (await copied(model.get("command"))) ? "copied" : "select the text and copy it with the keyboard";
    clearTimeout(timer);
    timer = setTimeout(() => { said.textContent = ""; }, COPIED_MS);
  });
  return () => { clearTimeout(timer); model.off("change:command", show); };
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedBySelection(text); // a page without https has no clipboard
  }
}

function copiedBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.cssText = "position:fixed;opacity:0";
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  return isCopied;
}

export default { render };
