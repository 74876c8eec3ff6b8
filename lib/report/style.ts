/** The style sheet of the report. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --paper: #ffffff; --card: #f6f8fa;
  --line: #d1d9e0; --ok: #1a7f37; --warn: #9a6700; --bad: #cf222e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9da7b3; --paper: #0d1117; --card: #161b22; --line: #30363d;
    --ok: #3fb950; --warn: #d29922; --bad: #ff7b72; }
}
@media print { :root { --ink: #000; --paper: #fff; --card: #fff; --soft: #333; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 900px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 20px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 36px 0 12px; }
.kicker { margin: 0; color: var(--soft); }
.small, small, caption { color: var(--soft); font-size: 13px; }
.notice { border: 1px solid var(--warn); border-left-width: 6px; border-radius: 6px; padding: 10px 14px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 12px; margin: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-left: 6px solid var(--line);
  border-radius: 6px; padding: 12px 16px; }
.card dt { color: var(--soft); font-size: 13px; }
.card dd { margin: 2px 0 0; font-size: 17px; line-height: 1.4; overflow-wrap: anywhere; }
.ok { border-left-color: var(--ok); } .warn { border-left-color: var(--warn); } .bad { border-left-color: var(--bad); }
figure { margin: 0 0 28px; overflow-x: auto; break-inside: avoid; }
figure svg { max-width: 100%; height: auto; }
figure .live, figure.enlivened > svg { display: none; }
figure.enlivened .live { display: block; }
.live svg { max-width: none; }
@media print { figure.enlivened > svg { display: inline; } figure.enlivened .live { display: none; } }
thead button { all: unset; cursor: pointer; }
thead button:hover { text-decoration: underline; }
thead button:focus-visible { outline: 2px solid; outline-offset: 2px; }
[aria-sort] button::after { content: " ▲"; font-size: 10px; }
[aria-sort="descending"] button::after { content: " ▼"; }
#vg-tooltip-element { position: fixed; z-index: 10; visibility: hidden; pointer-events: none; padding: 6px 10px;
  font-size: 13px; background: var(--paper); border: 1px solid var(--line); border-radius: 6px;
  box-shadow: 0 2px 8px rgb(0 0 0 / 20%); }
#vg-tooltip-element.visible { visibility: visible; }
#vg-tooltip-element td { padding: 1px 4px; border: 0; text-align: left; }
#vg-tooltip-element td.key { color: var(--soft); }
.scroll { overflow-x: auto; margin: 0 0 20px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
caption { text-align: left; padding-bottom: 4px; }
th, td { padding: 5px 10px; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
thead th { font-weight: 600; vertical-align: bottom; }
th:first-child { text-align: left; font-weight: 500; white-space: nowrap; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 12px 14px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; margin-bottom: 8px; }
`;
