// Keeps the page of a release up to date: waits for a change, then takes the changed part. Without it the page reloads itself.
const part = document.querySelector("[data-live]");
const pause = (seconds) => new Promise((go) => setTimeout(go, seconds * 1000));
const seen = () => new Promise((go) => document.addEventListener("visibilitychange", go, { once: true }));

async function follow() {
  let known = part.dataset.etag;
  for (;;) {
    if (document.hidden) await seen();
    const changed = await fetch(`${part.dataset.poll}?wait=20`, { headers: { "If-None-Match": known } });
    if (changed.status === 304) continue;
    const fresh = changed.ok ? await fetch(part.dataset.live, { headers: { "If-None-Match": known } }) : changed;
    if (fresh.status === 401) return location.reload();
    if (!fresh.ok) throw new Error(`answered ${fresh.status}`);
    part.innerHTML = await fresh.text();
    known = fresh.headers.get("ETag");
  }
}

async function keepFollowing() {
  for (;;) {
    try {
      return await follow();
    } catch {
      await pause(5);
    }
  }
}

if (part) keepFollowing();
