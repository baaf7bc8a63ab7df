"""The style sheet of the page of `html`."""

from __future__ import annotations

# Deeper spans are not indented further: it would leave no room for names.
DEEPEST = 12

_INDENT = "".join(
    f".d{depth}>.span>summary>.name{{padding-left:{1.6 + 1.1 * depth:.1f}rem}}"
    f".d{depth}>.below>summary{{left:{0.1 + 1.1 * depth:.1f}rem}}"
    for depth in range(DEEPEST + 1)
)

STYLE = (
    """
:root{color-scheme:light dark;--text:#1f2328;--quiet:#59636e;--page:#fff;--line:#d8dee4;
--hover:#f3f5f7;--focus:#0969da;--run:#6e57d2;--job:#2f7ed8;--step:#6cb2eb;--wait:#b9c1ca;
--other:#4b9e8f;--error:#cf222e}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--quiet:#9198a1;--page:#0d1117;
--line:#30363d;--hover:#161b22;--focus:#4493f8;--run:#9d86f5;--job:#4a96ee;--step:#2f6ba8;
--wait:#566069;--other:#3f8f80;--error:#f85149}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 2rem 4rem;max-width:110rem;background:var(--page);
color:var(--text);font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header{display:flex;flex-wrap:wrap;gap:.5rem 2rem;align-items:baseline;
justify-content:space-between}
h1{font-size:1.35rem;margin:0;overflow-wrap:anywhere}
h2{font-size:1rem;margin:2rem 0 0;overflow-wrap:anywhere}
code,.time,.ticks,td,th{font-variant-numeric:tabular-nums}
code{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.facts{margin:.1rem 0 .8rem;color:var(--quiet)}
.failed{color:var(--error);font-weight:600}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:0;padding:0;list-style:none;
color:var(--quiet)}
.key{display:inline-block;width:.75rem;height:.75rem;border-radius:2px;margin-right:.35rem}
.key.run{background:var(--run)}.key.job{background:var(--job)}.key.step{background:var(--step)}
.key.wait{background:var(--wait)}.key.other{background:var(--other)}.key.error{background:var(--error)}
.spans,.spans ul{list-style:none;margin:0;padding:0}
.spans li{position:relative}
.axis,.span>summary{display:grid;grid-template-columns:minmax(9rem,2fr) 5.5rem minmax(8rem,3fr);
column-gap:1rem;align-items:center}
.axis{position:sticky;top:0;z-index:2;background:var(--page);color:var(--quiet);
border-bottom:1px solid var(--line);padding:.25rem 0;font-size:.85rem}
.axis>span:first-child{padding-left:1.6rem}
.axis>span:nth-child(2),.time{text-align:right}
.ticks{display:grid;grid-template-columns:repeat(4,1fr);position:relative}
.ticks>span{padding-left:.25rem}
.ticks>span:last-child{position:absolute;right:.25rem}
.span>summary{cursor:pointer;list-style:none;height:1.8rem}
.span>summary::-webkit-details-marker,.below>summary::-webkit-details-marker{display:none}
.span>summary:hover,.span[open]>summary{background:var(--hover)}
summary:focus-visible{outline:2px solid var(--focus);outline-offset:-2px;border-radius:3px}
.name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.kind{color:var(--quiet);font-size:.8rem;margin-left:.4rem}
.time{color:var(--quiet);white-space:nowrap}
svg{display:block;width:100%;height:1.8rem;overflow:visible;
background:linear-gradient(90deg,var(--line) 1px,transparent 1px) 0/25% 100%;
border-right:1px solid var(--line)}
rect{stroke-width:1.5px;stroke-linejoin:round}
.run rect{fill:var(--run);stroke:var(--run)}.job rect{fill:var(--job);stroke:var(--job)}
.step rect{fill:var(--step);stroke:var(--step)}.wait rect{fill:var(--wait);stroke:var(--wait)}
.other rect{fill:var(--other);stroke:var(--other)}
.error rect{fill:var(--error);stroke:var(--error)}
.below>summary{position:absolute;top:0;width:1.4rem;height:1.8rem;cursor:pointer;list-style:none;
display:grid;place-items:center;color:var(--quiet)}
.below>summary::before{content:"";width:0;height:0;border:.28rem solid transparent;
border-left:.4rem solid currentColor;border-right:0}
.below[open]>summary::before{transform:rotate(90deg)}
.below>summary>span{position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%)}
.about{padding:.75rem 1rem 1rem 2.5rem;background:var(--hover);border-bottom:1px solid
var(--line);display:flex;flex-wrap:wrap;gap:1rem 3rem;align-items:flex-start}
.about>p{flex-basis:100%;margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
table{border-collapse:collapse;font-size:.9rem;max-width:100%}
caption{text-align:left;font-weight:600;padding-bottom:.2rem}
th{font-weight:400;color:var(--quiet);text-align:left;vertical-align:top;padding:.1rem 1rem .1rem 0;
white-space:nowrap}
td{vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere;padding:.1rem 0}
@media(max-width:45rem){body{padding:1rem .75rem}.axis,.span>summary{
grid-template-columns:minmax(7rem,3fr) 4rem minmax(4rem,2fr);column-gap:.5rem}
.kind,.ticks>span:not(:first-child,:last-child){display:none}th{white-space:normal}}
@media print{.axis{position:static}.span>summary{break-inside:avoid}}
"""
    + _INDENT
)
