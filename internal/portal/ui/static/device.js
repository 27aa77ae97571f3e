// Runs Check this device. The page holds every answer of every row; this shows the
// right one and posts which to /device/report. No text is made here.
{
  const one = (selector) => document.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const found = new Map(); // row -> what is reported of it
  let options, receipt, capabilities, hints = {}, trying = false, last = Promise.resolve();

  function fill(el, value) {
    for (const words of all("[data-say]", el)) words.textContent = words.dataset.say.replace("{n}", value);
  }

  function show(row, answer, number) {
    for (const el of all(`[data-row="${row}"] [data-answer]`)) {
      el.hidden = el.dataset.answer !== answer;
      if (!el.hidden && number !== undefined) fill(el, number);
    }
    found.set(row, { row, answer, number });
  }

  // The notice at the top, counted from the rows as they stand.
  function sum() {
    const fixes = all('[data-verdict="fix"]:not([hidden])');
    const result = !fixes.length ? "ready" : fixes.some((el) => "blocks" in el.dataset) ? "blocked" : "works";
    for (const el of all("[data-fixes]")) el.hidden = +el.dataset.fixes !== fixes.length;
    notice(result);
  }
  function notice(result) {
    for (const el of all("[data-result]")) el.hidden = el.dataset.result !== result;
  }

  const get = () => fetch("/device/options", { credentials: "omit", cache: "no-store" }).then((a) => a.json());

  // Three answers of the server: how long they take, and what time it is there. The
  // quickest one tells the time best; half of its way was there, half was back.
  async function reach() {
    const times = [];
    try {
      for (let i = 0; i < 3; i++) {
        const sent = Date.now(), t0 = performance.now(), answer = await get(), took = performance.now() - t0;
        options = answer.options;
        times.push({ took, ahead: (sent + took / 2 - answer.now) / 1000 });
      }
    } catch {
      show("connection", "offline");
      return show("clock", "untold");
    }
    times.sort((a, b) => a.took - b.took);
    const ms = Math.round(times[1].took), { ahead } = times[0], off = Math.round(Math.abs(ahead));
    show("connection", ms > 2000 ? "slow" : "ok", ms);
    if (off <= 20) return show("clock", "ok");
    const way = ahead < 0 ? "slow" : "fast";
    if (off < 120) show("clock", way, off);
    else show("clock", way + "-minutes", Math.min(Math.round(off / 60), 16e6));
  }

  function frame() {
    const policy = document.permissionsPolicy || document.featurePolicy;
    if (self !== top) return "framed";
    if (!policy) return "untold";
    return policy.allowsFeature("publickey-credentials-get") ? "ok" : "blocked";
  }

  async function able() {
    capabilities = await window.PublicKeyCredential?.getClientCapabilities?.().catch(() => null);
    if (!capabilities) return (capabilities = undefined);
    const told = {};
    for (const row of all("[data-capability]")) {
      const yes = capabilities[row.dataset.capability];
      if (typeof yes === "boolean") told[row.dataset.capability] = yes;
      for (const el of all("[data-told]", row)) el.hidden = el.dataset.told !== (yes === true ? "yes" : yes === false ? "no" : "untold");
    }
    capabilities = told;
    one("#capabilities").hidden = false;
  }

  async function versions() {
    const told = await navigator.userAgentData?.getHighEntropyValues(["fullVersionList", "platformVersion"]).catch(() => null);
    if (!told) return;
    // Every browser of its kind also names the one that it is made from, and one that does not exist.
    const names = (told.fullVersionList || []).filter((b) => !/not.?a.?brand/i.test(b.brand.replace(/[^a-z]/gi, " ")));
    const own = names.find((b) => b.brand !== "Chromium") || names[0];
    const number = (v) => (/^\d+(\.\d+){0,4}$/.test(v) ? v : "");
    hints = { version: number(own?.version), platform: number(told.platformVersion) };
  }

  // Keeps what was found under a code, the same one after every change: so one after the other.
  const save = (tried) => (last = last.then(() => send(tried)));
  async function send(tried) {
    let saved;
    try {
      const answer = await fetch("/device/report", {
        method: "POST", credentials: "omit", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ receipt, findings: [...found.values()], capabilities, ...hints, try: tried }),
      });
      if (answer.ok) saved = await answer.json();
    } catch { /* told below */ }
    if (saved) {
      receipt = saved.receipt;
      one("[data-code]").textContent = saved.code;
      for (const el of all('[data-row="browser"] [data-answer]')) fill(el, saved.browser);
    }
    one("[data-code-given]").hidden = !saved;
    one("[data-code-none]").hidden = !!saved;
    return saved;
  }

  async function tryKey() {
    if (trying) return;
    trying = true;
    one("#try").setAttribute("aria-disabled", "true");
    show("key", "trying");
    const t0 = performance.now(), tried = { name: "answered" };
    try {
      const challenge = new TextEncoder().encode(options.challenge); // nobody looks at the answer
      if (!(await navigator.credentials.get({ publicKey: { ...options, challenge } }))) tried.name = "NotAllowedError";
    } catch (e) {
      tried.name = (e?.name || typeof e).slice(0, 60);
      tried.detail = String(e?.message ?? e).slice(0, 200);
    }
    tried.ms = Math.round(performance.now() - t0);
    show("key", "untried");
    const saved = await save(tried);
    show("key", saved ? saved.key : tried.name === "answered" ? "answered" : "unsent");
    sum();
    one("#try").removeAttribute("aria-disabled");
    trying = false;
  }

  async function run() {
    notice("checking");
    for (const el of all('[data-row="script"] [data-answer]')) el.hidden = el.dataset.answer !== "on";
    show("secure", isSecureContext ? "ok" : "not");
    const api = !!(window.PublicKeyCredential && navigator.credentials);
    show("api", api ? "ok" : "missing");
    show("frame", frame());
    show("cookies", navigator.cookieEnabled ? "ok" : "off");
    show("desktop", "unasked");
    show("key", api ? "untried" : "none");
    await Promise.all([reach(), able(), versions()]);
    one("[data-live]").hidden = false;
    one("[data-can-try]").hidden = !api || !options;
    sum();
    await save();
  }

  for (const radio of all("#desktop input")) {
    radio.checked = false; // browsers remember it over a reload
    radio.addEventListener("change", () => {
      show("desktop", radio.value);
      sum();
      save();
    });
  }
  one("#try").addEventListener("click", tryKey);
  run();
}
