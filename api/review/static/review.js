/* Comfort only: the same page without it does the same when it is sent. It decides nothing and sends no form. */
"use strict";
(() => {
  const form = document.getElementById("review");
  if (!form) return;
  const PAUSE = 1000, GAP = 2000;

  /* A text is counted and checked as it is typed. */
  for (const field of form.querySelectorAll("textarea[name^='e.']")) {
    const number = field.name.slice(2), told = document.getElementById(`k-${number}`);
    told.setAttribute("role", "status");
    let timer = 0, last = field.value, earliest = 0;
    const look = async () => {
      if (field.value === last) return;
      last = field.value;
      earliest = Date.now() + GAP;
      const body = new URLSearchParams({ csrf: form.elements.csrf.value, number, text: last });
      try {
        const answer = await fetch(form.dataset.check, { method: "POST", body, credentials: "same-origin" });
        if (!answer.ok || field.value !== body.get("text")) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        told.replaceChildren(...page.body.childNodes);
        field.toggleAttribute("aria-invalid", answer.headers.get("X-Blocked") === "yes");
      } catch { /* offline: it is checked when it is sent */ }
    };
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(look, Math.max(PAUSE, earliest - Date.now()));
    });
  }

  /* Words that are selected in a post can be what its comment is about. */
  const picked = new Map();
  document.addEventListener("selectionchange", () => {
    const chosen = document.getSelection();
    if (!chosen.rangeCount || chosen.isCollapsed) return;
    const range = chosen.getRangeAt(0), within = range.commonAncestorContainer;
    const text = (within.nodeType === Node.TEXT_NODE ? within.parentElement : within).closest(".post .t-new");
    if (!text) return;
    const copy = range.cloneContents();
    for (const mark of copy.querySelectorAll(".fold, sup, .vh")) mark.remove();
    const words = copy.textContent.split(/\s+/u).filter(Boolean).join(" ").slice(0, 1000).trim();
    const article = text.closest(".post"), button = article.querySelector(".pick");
    if (button) { picked.set(button, words); button.hidden = !words; }
  });
  for (const select of form.querySelectorAll("select[name^='s.']")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "pick";
    button.hidden = true;
    button.textContent = form.dataset.pick;
    button.addEventListener("click", () => {
      const words = picked.get(button);
      const known = [...select.options].find((each) => each.text === words);
      select.value = (known || select.appendChild(new Option(words))).value;
      select.focus();
      button.hidden = true;
    });
    select.parentElement.after(button);
  }
})();
