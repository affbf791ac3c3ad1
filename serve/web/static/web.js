// Enhancement only: every page works without it.
for (const form of document.querySelectorAll("form[data-busy]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault(); // one press, one question
    form.dataset.sent = "yes";
    const pressed = event.submitter;
    if (pressed) setTimeout(() => { pressed.textContent = form.dataset.busy; });
  });
  for (const field of form.querySelectorAll("textarea")) {
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
  }
}
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
