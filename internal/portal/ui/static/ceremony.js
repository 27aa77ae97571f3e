// Runs a WebAuthn ceremony from a form with data-ceremony. The contract with the
// server is described at type Ceremony in ceremony.go. No text is made here.
{
  const forms = [...document.querySelectorAll("form[data-ceremony]")];
  const loaded = performance.now();
  const born = new WeakMap(); // form -> when its options were made
  let running = null; // the ceremony in hand: { controller, stop }
  let quiet = null; // the conditional get() in the background

  // Password managers hand out credentials of which any part may be missing or throw.
  const safe = (get) => { try { return get(); } catch {} };

  // base64url both ways, of bytes and of what others call base64.
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (part) => part && (typeof part == "string" ? part : btoa(String.fromCharCode(...new Uint8Array(part)))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  const ids = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));

  function parse(kind, o) {
    const type = PublicKeyCredential;
    const native = safe(() => type[kind === "create" ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON"](o));
    if (native) return native;
    const p = { ...o, challenge: bytes(o.challenge) };
    if (kind === "create") {
      p.user = { ...o.user, id: bytes(o.user.id) };
      p.excludeCredentials = ids(o.excludeCredentials);
    } else p.allowCredentials = ids(o.allowCredentials);
    return p;
  }

  // By hand, from whichever part there is: the credential's own, or that of its toJSON.
  function toJSON(cred) {
    const made = safe(() => cred.toJSON()) || {}, response = {};
    for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      response[part] = safe(() => text(cred.response[part])) || safe(() => text(made.response[part]));
    }
    const transports = safe(() => cred.response.getTransports()) || safe(() => made.response.transports);
    if (Array.isArray(transports)) response.transports = transports;
    const id = safe(() => text(cred.rawId)) || safe(() => text(made.rawId)) || safe(() => text(cred.id)) || safe(() => text(made.id));
    if (!id || !response.clientDataJSON) throw fail("program");
    return {
      id, rawId: id, type: "public-key", response,
      authenticatorAttachment: safe(() => cred.authenticatorAttachment),
      clientExtensionResults: safe(() => cred.getClientExtensionResults()) || made.clientExtensionResults || {},
    };
  }

  const fail = (name, message) => Object.assign(new Error(message), { name });

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

  // The panel's notice, or all of the panel, from a hidden element of the page.
  function say(id, place = "[data-status]") {
    const words = document.getElementById(id);
    place = document.querySelector(place);
    if (place && words) place.replaceChildren(words.content.cloneNode(true));
    return place;
  }

  const pause = (ms, signal) => new Promise((go) => {
    const timer = setTimeout(go, ms);
    addEventListener("online", go, { once: true, signal });
    signal.addEventListener("abort", () => { clearTimeout(timer); go(); }, { once: true });
  });

  // Sends until there is an answer: 2, 5, 10, then every 30 seconds, and when
  // the connection is back. The body stays in memory meanwhile. What answers in
  // the server's place, twice, is told by its status.
  async function send(url, body, signal) {
    const headers = { Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    for (let i = 0, odd = 0; !signal.aborted; i++) {
      let status;
      try {
        const answer = await fetch(url, { method: body ? "POST" : "GET", headers, signal, cache: "no-store", redirect: "manual", body: body && JSON.stringify({ origin: location.origin, ...body }) });
        status = answer.status || "3xx";
        const json = await answer.json();
        if (json.next || json.options) return json;
      } catch {
        if (signal.aborted) break;
      }
      if (status && !(status >= 500)) {
        if (odd++) throw fail("filter", status);
      } else say(navigator.onLine ? "net-server" : "net-offline");
      await pause([2, 5, 10, 30][Math.min(i, 3)] * 1000, signal);
    }
    throw fail("AbortError");
  }

  // Something else answers here: the page says so, and goes on trying to tell it.
  async function filtered(form, token, status, signal) {
    const panel = say("net-filter", "[data-waiting]");
    panel.querySelector("[data-net-status]").textContent = status;
    panel.querySelector("[data-net-code]").textContent = form.dataset.code;
    panel.querySelector("h1").focus();
    for (;;) {
      try {
        return await send(form.dataset.outcome, { ceremony: form.elements.ceremony.value, token, name: "filter", detail: status, ms: 0 }, signal);
      } catch (e) {
        if (signal.aborted) throw e;
        await pause(3e4, signal);
      }
    }
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
    for (const k of ["outcome", "code"]) if (fresh[k]) form.dataset[k] = fresh[k];
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
    let t0 = performance.now(), url = form.dataset.outcome, body;
    const lost = (e) => signal.aborted ? Promise.reject(e) : filtered(form, token, e.message, signal);
    try {
      if (!(await refresh(form, token, signal))) return;
      t0 = performance.now();
      const cred = await prompt(form, options(form, button.dataset.credential), signal);
      if (!cred) throw fail("NotAllowedError");
      body = { credential: toJSON(cred) };
      url = form.getAttribute("action");
    } catch (e) {
      if (signal.aborted) return;
      if (e?.name === "filter") return void lost(e).then(({ next }) => location.replace(next), () => {});
      body = {
        step: form.dataset.step, name: e?.name || typeof e, ms: Math.round(performance.now() - t0),
        detail: String(e?.message ?? e).slice(0, 200),
      };
    }
    say("checking");
    try {
      const { next } = await send(url, { ceremony: form.elements.ceremony.value, token, ...body }, signal).catch(lost);
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
