// Runs a WebAuthn ceremony from a form with data-ceremony. The contract with the
// server is described at type Ceremony in ceremony.go. No text is made here.
{
  const forms = [...document.querySelectorAll("form[data-ceremony]")];
  const loaded = performance.now();
  const born = new WeakMap(); // form -> when its options were made
  let running = null; // the ceremony in hand: { controller, stop }
  let quiet = null; // the conditional get() in the background

  // base64url both ways, for browsers without the JSON helpers of WebAuthn Level 3.
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => buffer && btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  const ids = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));

  function parse(kind, o) {
    const native = PublicKeyCredential[kind === "create" ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON"];
    if (native) return native.call(PublicKeyCredential, o);
    const p = { ...o, challenge: bytes(o.challenge) };
    if (kind === "create") {
      p.user = { ...o.user, id: bytes(o.user.id) };
      p.excludeCredentials = ids(o.excludeCredentials);
    } else p.allowCredentials = ids(o.allowCredentials);
    return p;
  }

  function toJSON(cred) {
    // Some password managers hand out credentials whose toJSON throws.
    try { return cred.toJSON(); } catch {}
    const r = cred.response, response = { clientDataJSON: text(r.clientDataJSON) };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (r[part]) response[part] = text(r[part]);
    }
    if (r.getTransports) response.transports = r.getTransports();
    return {
      id: cred.id, rawId: text(cred.rawId), type: cred.type, response,
      authenticatorAttachment: cred.authenticatorAttachment || undefined,
      clientExtensionResults: cred.getClientExtensionResults(),
    };
  }

  const fail = (name) => Object.assign(new Error(name), { name });

  function options(form, credential) {
    const o = JSON.parse(form.dataset.options);
    if (credential && o.allowCredentials) {
      const one = o.allowCredentials.filter((c) => c.id === credential);
      if (one.length) o.allowCredentials = one;
    }
    return o;
  }

  function prompt(form, o, signal, mediation) {
    if (!window.PublicKeyCredential || !navigator.credentials) throw fail("none");
    const kind = form.dataset.ceremony;
    const policy = document.permissionsPolicy || document.featurePolicy;
    if (self !== top && policy && !policy.allowsFeature("publickey-credentials-" + kind)) throw fail("frame");
    return navigator.credentials[kind]({ publicKey: parse(kind, o), signal, ...mediation });
  }

  // The panel's notice, from a hidden element of the page.
  function say(id) {
    const place = document.querySelector("[data-status]"), words = document.getElementById(id);
    if (place && words) place.replaceChildren(words.content.cloneNode(true));
  }

  const pause = (ms, signal) => new Promise((go) => {
    const timer = setTimeout(go, ms);
    addEventListener("online", go, { once: true, signal });
    signal.addEventListener("abort", () => { clearTimeout(timer); go(); }, { once: true });
  });

  // Sends until there is an answer: 2, 5, 10, then every 30 seconds, and when
  // the connection is back. The body stays in memory meanwhile.
  async function send(url, body, signal) {
    const headers = { Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    for (let i = 0; !signal.aborted; i++) {
      try {
        const answer = await fetch(url, { method: body ? "POST" : "GET", headers, signal, cache: "no-store", body: body && JSON.stringify(body) });
        const json = await answer.json();
        if (json.next || json.options) return json;
      } catch (e) {
        if (signal.aborted) break;
      }
      say(navigator.onLine ? "net-server" : "net-offline");
      await pause([2, 5, 10, 30][Math.min(i, 3)] * 1000, signal);
    }
    throw fail("AbortError");
  }

  // New options when the page has been open too long for its challenge, or when
  // the press changes something first: data-first is where, with its {token}.
  async function refresh(form, token, signal) {
    const { first } = form.dataset;
    if (!first && performance.now() - (born.get(form) ?? loaded) < form.dataset.fresh * 1000) return true;
    const fresh = first
      ? await send(first.replace("{token}", encodeURIComponent(token)), {}, signal)
      : await send(form.dataset.refresh, null, signal);
    if (fresh.next) return void location.assign(fresh.next);
    if (fresh.outcome) form.dataset.outcome = fresh.outcome;
    form.dataset.options = typeof fresh.options === "string" ? fresh.options : JSON.stringify(fresh.options);
    form.elements.ceremony.value = fresh.ceremony;
    born.set(form, performance.now());
    return true;
  }

  function waiting(button, stop) {
    const main = document.getElementById("main"), title = document.title;
    const panel = document.getElementById("waiting").content.cloneNode(true).firstElementChild;
    const rest = [...main.children, ...[...document.body.children].filter((el) => el !== main && el.localName !== "dialog")];
    const shown = [...main.children].filter((el) => !el.hidden);
    const name = button.dataset.nickname;
    if (name) {
      panel.querySelector("[data-waiting-for]").hidden = false;
      panel.querySelector("[data-waiting-for] bdi").textContent = name;
    }
    panel.querySelector("[data-stop]").addEventListener("click", stop);
    for (const el of rest) el.inert = true;
    for (const el of shown) el.hidden = true;
    main.append(panel);
    document.title = title.replace(/^.* - /, () => panel.querySelector("h1").textContent + " - ");
    scrollTo(0, 0);
    panel.querySelector("h1").focus();
    return () => {
      panel.remove();
      for (const el of rest) el.inert = false;
      for (const el of shown) el.hidden = false;
      document.title = title;
      button.focus();
    };
  }

  async function run(form, button) {
    if (running) return;
    quiet?.abort();
    const controller = new AbortController(), { signal } = controller;
    const back = () => history.state?.ceremony && history.back();
    const stop = () => { end(); back(); };
    const restore = waiting(button, stop);
    function end() {
      if (running !== mine) return;
      running = null;
      controller.abort(fail("AbortError"));
      restore();
      listen();
    }
    const mine = (running = { end });
    const token = button.value || new FormData(form).get("token") || "";
    history.pushState({ ceremony: true }, "");
    let t0 = performance.now(), url, body;
    try {
      if (!(await refresh(form, token, signal))) return;
      t0 = performance.now();
      const cred = await prompt(form, options(form, button.dataset.credential), signal);
      if (!cred) throw fail("NotAllowedError");
      url = form.getAttribute("action");
      body = { credential: toJSON(cred) };
    } catch (e) {
      if (signal.aborted) return;
      url = form.dataset.outcome;
      body = {
        step: form.dataset.step, name: e?.name || typeof e, ms: Math.round(performance.now() - t0),
        detail: String(e?.message ?? e).slice(0, 200),
      };
    }
    say("checking");
    try {
      const { next } = await send(url, { ceremony: form.elements.ceremony.value, token, ...body }, signal);
      location.replace(next); // replaces the entry of the waiting panel
    } catch { /* stopped while sending */ }
  }

  // The browser offers keys in the user name field, on devices of one person.
  async function listen() {
    const form = forms.find((f) => f.dataset.conditional === "true");
    if (!form || running || !window.PublicKeyCredential?.isConditionalMediationAvailable) return;
    const controller = (quiet = new AbortController()), { signal } = controller;
    try {
      if (!(await PublicKeyCredential.isConditionalMediationAvailable())) return;
      const late = setTimeout(() => controller.abort(), form.dataset.fresh * 1000 - (performance.now() - (born.get(form) ?? loaded)));
      signal.addEventListener("abort", () => clearTimeout(late));
      const cred = await prompt(form, options(form), signal, { mediation: "conditional" });
      clearTimeout(late);
      const { next } = await send(form.getAttribute("action"), { ceremony: form.elements.ceremony.value, token: "", credential: toJSON(cred) }, signal);
      location.assign(next);
    } catch { /* the person did something else */ }
  }
  document.getElementById("username")?.addEventListener("focus", async () => {
    const form = forms.find((f) => f.dataset.conditional === "true");
    if (!form || running || !quiet?.signal.aborted) return;
    quiet = new AbortController();
    if (await refresh(form, "", quiet.signal).catch(() => false)) listen();
  });

  for (const form of forms) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (event.submitter) run(form, event.submitter);
    });
  }
  addEventListener("popstate", () => running?.end());
  addEventListener("pagehide", () => { running?.end(); quiet?.abort(); });
  addEventListener("pageshow", (event) => event.persisted && listen());
  listen();

  // Tell the browser's own list what has changed here. Only a hint.
  for (const { dataset: d } of document.querySelectorAll("[data-signal]")) {
    const [signal, about] = {
      unknown: ["signalUnknownCredential", { credentialId: d.credential }],
      accepted: ["signalAllAcceptedCredentials", { userId: d.userId, allAcceptedCredentialIds: d.credential ? [d.credential] : [] }],
      details: ["signalCurrentUserDetails", { userId: d.userId, name: d.name, displayName: d.displayName }],
    }[d.signal];
    window.PublicKeyCredential?.[signal]?.({ rpId: d.rpId, ...about })?.catch(() => {});
  }
}
