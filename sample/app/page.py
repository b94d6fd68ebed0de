"""The page that a browser sees: one file, nothing loaded from elsewhere."""

from collections.abc import Iterable
from html import escape
from string import Template

from app.store import Item

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>devbox sample</title>
<link rel="icon" href="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='4' fill='%230d9488'/></svg>">
<style>
  :root { color-scheme: light dark; --ink: #14211f; --soft: #5b6b68; --paper: #f3f7f6; --card: #fff;
          --line: #dce6e4; --accent: #0d9488; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e7f0ee; --soft: #93a5a1; --paper: #0e1514; --card: #16201e; --line: #263431; --accent: #2dd4bf; }
  }
  * { box-sizing: border-box; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 2rem 1rem; background: var(--paper);
         color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
  main { width: min(38rem, 100%); }
  h1 { margin: 0 0 .75rem; font-size: clamp(1.9rem, 6vw, 3rem); line-height: 1.1; letter-spacing: -.02em;
       text-wrap: balance; animation: change 1.5s ease-out; }
  @keyframes change { from { color: var(--accent); } }
  p { margin: 0 0 1.5rem; color: var(--soft); }
  code { font: .9em ui-monospace, monospace; color: var(--ink); background: var(--card); border: 1px solid var(--line);
         border-radius: .35rem; padding: .05rem .35rem; }
  section { background: var(--card); border: 1px solid var(--line); border-radius: 1rem; overflow: hidden; }
  ul { list-style: none; margin: 0; padding: 0; }
  li { display: flex; align-items: center; gap: .75rem; padding: .6rem 1rem; border-bottom: 1px solid var(--line); }
  li a { color: var(--soft); font: .85em ui-monospace, monospace; text-decoration: none; min-width: 2rem; }
  li a:hover { color: var(--accent); }
  li span { flex: 1; overflow-wrap: anywhere; }
  form { display: flex; gap: .5rem; padding: .75rem 1rem; }
  input { flex: 1; min-width: 0; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line);
          border-radius: .5rem; padding: .4rem .7rem; }
  button { font: inherit; border: 0; border-radius: .5rem; padding: .4rem .9rem; cursor: pointer; color: var(--card);
           background: var(--accent); }
  li button { background: none; color: var(--soft); padding: 0 .4rem; font-size: 1.2rem; line-height: 1; }
  li button:hover { color: var(--accent); }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
  nav { margin-top: 1rem; font-size: .9rem; color: var(--soft); }
  nav a { color: var(--accent); }
  @media (prefers-reduced-motion: reduce) { h1 { animation: none; } }
</style>
<main>
  <h1>$greeting</h1>
  <p>Served by container <code>$host</code>. Edit <code>GREETING</code> in <code>app/main.py</code>, save, and keep
     looking here.</p>
  <section aria-label="Items">
    <ul>$items</ul>
    <form id="add"><input name="name" aria-label="New item" placeholder="One more thing" maxlength="100" required
      autocomplete="off"><button>Add</button></form>
  </section>
  <nav>The items live on a volume and outlive every container. <a href="/docs">API docs</a></nav>
</main>
<script>
  const served = "$host";
  const send = async (method, path, body) => {
    await fetch(path, {method, headers: {"Content-Type": "application/json"}, body: body && JSON.stringify(body)});
    location.reload();
  };
  document.querySelector("#add").onsubmit = (event) => {
    event.preventDefault();
    send("POST", "/items", {name: event.target.name.value});
  };
  document.querySelector("ul").onclick = (event) => {
    const id = event.target.dataset.id;
    if (id) send("DELETE", "/items/" + id);
  };
  const look = async () => {
    try {
      const health = document.hidden ? null : await (await fetch("/health", {cache: "no-store"})).json();
      if (health && health.host !== served) return location.reload();
    } catch { /* nobody answers right now: ask again */ }
    setTimeout(look, 1000);
  };
  look();
</script>
</html>
""")

ROW = Template(
    '<li><a href="/items/$id">#$id</a><span>$name</span>'
    '<button data-id="$id" aria-label="Remove $name">&times;</button></li>'
)


def render(greeting: str, host: str, items: Iterable[Item]) -> str:
    """The whole page, every value escaped."""
    rows = (ROW.substitute(id=item.item_id, name=escape(item.name)) for item in items)
    return PAGE.substitute(greeting=escape(greeting), host=escape(host), items="".join(rows))
