// The end of a session. Its page asks before whether somebody is there, and goes when the time is over. How long it lasts
// only the server knows, for another tab may be in use: it is asked at both times, which does not count as use. To stay does.
{
  const dialog = document.getElementById("session-dialog");
  const { session, sessionWarning: warning, sessionOf: of } = document.body.dataset;
  const late = 1500; // ms behind the end, so that it is over there as well
  const title = document.title, covers = dialog && "covers" in dialog.dataset;
  let left, wall, steady; // how long, counted from when, by two clocks: one stands still while the computer sleeps, one may be set
  let asked = false; // nothing more to ask: the time cannot be made longer
  let open = false, busy = false, gone = false;

  const remaining = () => left - Math.max(Date.now() - wall, performance.now() - steady);
  function count(ms) {
    [left, wall, steady] = [+ms, Date.now(), performance.now()];
    dialog.querySelector("[data-session-clock]").textContent =
      new Date(wall + left).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  }

  // At a shared computer nothing of the page can be read, printed or found while the question stands there unanswered.
  function show() {
    open = true;
    document.title = dialog.querySelector("h2").textContent + " - Staffkey";
    if (covers) document.body.classList.add("covered");
    dialog.showModal();
  }
  function close() {
    open = false;
    document.title = title;
    document.body.classList.remove("covered");
    dialog.close();
  }

  function leave(next) {
    gone = true;
    if (covers) document.body.hidden = true;
    location.replace(next);
  }

  // When the page goes, what its person was typing comes along as it does to another language.
  function body(path) {
    const form = path === "/session-ended" && remaining() <= 0 && !covers && document.getElementById("language-form");
    if (form) form.dispatchEvent(new Event("submit"));
    const fields = new URLSearchParams(form ? new FormData(form) : {});
    fields.set("of", of);
    return fields;
  }

  // Sends to the server and does what its answer says: the session lasts so long, or there is another page to go to. False when it says nothing.
  async function ask(path) {
    if (busy) return true;
    busy = true;
    try {
      const said = await fetch(path, {
        method: "POST", headers: { Accept: "application/json" }, cache: "no-store", body: body(path), signal: AbortSignal.timeout?.(10000),
      });
      const answer = said.ok ? await said.json() : {};
      if (answer.next) return leave(answer.next), true;
      if (!(answer.left > 0)) return false;
      count(answer.left);
      for (const el of dialog.querySelectorAll("[data-session-idle]")) el.hidden = answer.last;
      for (const el of dialog.querySelectorAll("[data-session-last]")) el.hidden = !answer.last;
      if (left > warning) asked = false;
      if (open && (asked || left > warning)) close();
      return true;
    } catch {
      return false;
    } finally {
      busy = false;
    }
  }

  async function tick() {
    const over = () => remaining() < -late;
    if (busy || gone || remaining() > +warning || ((open || asked) && !over())) return;
    const told = await ask("/session-ended");
    if (!told && over()) leave("/session-ended?why=idle"); // there is no connection; the page goes all the same
    else if (!gone && remaining() <= +warning && !asked && !open) show();
  }

  function stay() {
    asked = dialog.querySelector("[data-session-idle]").hidden;
    ask("/me/stay");
  }

  if (dialog && dialog.showModal) {
    count(session);
    setInterval(tick, 1000);
    dialog.querySelector("[data-session-stay]").addEventListener("click", stay);
    // Escape is an answer as well: somebody is there. On the second one a browser closes a dialog, whatever the page says; it stays until the
    // server has answered.
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      stay();
    });
    dialog.addEventListener("close", () => open && dialog.showModal());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      if (covers) ask("/session-ended"); // who sits here now may be another
      else tick();
    });
    // Back never shows a page as it was left: who was signed in then may have gone.
    addEventListener("pagehide", (event) => (document.body.hidden = event.persisted));
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }
}
