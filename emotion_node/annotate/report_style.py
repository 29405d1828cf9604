"""Style sheet of the HTML report: for screens, light or dark, for phones and for paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{--ink:#1c2126;--dim:#667080;--paper:#fff;--back:#f4f5f7;--line:#e1e4e8;--track:#e6e8ec;
--shown:#1a7f4b;--partly:#9a6700;--other:#a6359c;--neutral:#57606a}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaed;--dim:#9aa4b1;--paper:#1b1f24;
--back:#121519;--line:#2c323a;--track:#333a43;--shown:#4cc38a;--partly:#e2b340;
--other:#e08bd8;--neutral:#a3acb8}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:82rem;background:var(--back);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
-webkit-text-size-adjust:100%;print-color-adjust:exact;-webkit-print-color-adjust:exact}
h1{margin:0;font-size:1.6rem;letter-spacing:-.01em}
p{margin:0}
.lead{color:var(--dim);max-width:46rem}
.note{margin:.6rem 0 0;padding:.5rem .8rem;border-left:3px solid var(--partly);
background:var(--paper)}
.dim{color:var(--dim)}
.summary{display:flex;flex-wrap:wrap;gap:.5rem 1.2rem;margin:1rem 0 0;padding:0;list-style:none}
main{margin:1.2rem 0}
table{width:100%;border-collapse:separate;border-spacing:0;background:var(--paper);
border:1px solid var(--line);border-radius:10px;overflow:hidden}
thead th{padding:.6rem .8rem;text-align:left;font-size:.78rem;font-weight:600;
color:var(--dim);border-bottom:1px solid var(--line)}
.recording th{padding:.7rem .8rem;text-align:left;background:var(--back);overflow-wrap:anywhere;
border-bottom:1px solid var(--line)}
.recording .dim{font-weight:400}
td{padding:.8rem;vertical-align:top;border-bottom:1px solid var(--line)}
tbody:last-child tr:last-child td{border-bottom:0}
td.time{white-space:nowrap;font-variant-numeric:tabular-nums}
td.frame{width:176px}
td.words{min-width:11rem}
td.emotion{width:13.5rem}
td.face{width:21rem}
td.check{width:12rem}
figure{margin:0}
img{display:block;width:160px;max-height:160px;object-fit:contain;object-position:left top;
border-radius:6px}
figcaption,.blank{font-size:.8rem;color:var(--dim)}
.blank{display:grid;place-items:center;width:160px;height:90px;border:1px dashed var(--line);
border-radius:6px}
.speaker{font-size:.85rem;color:var(--dim)}
.quote{font-size:1.02rem;overflow-wrap:anywhere}
.label{font-weight:600;font-size:1.05rem}
.label .dim{font-weight:400;font-size:.9rem}
.dot{display:inline-block;width:.7em;height:.7em;margin-right:.4em;border-radius:50%}
dl{display:grid;grid-template-columns:auto 1fr;gap:.1rem .6rem;margin:.3rem 0 0;font-size:.86rem}
dt{color:var(--dim)}
dd{margin:0}
.bar{display:inline-block;flex:none;width:2.6rem;height:.5em;margin-right:.5em;border-radius:3px;
background:var(--track);overflow:hidden}
.bar i{display:block;height:100%;border-radius:3px}
.cues{margin:0;padding:0;list-style:none;font-size:.86rem}
.cues li{display:flex;align-items:baseline;gap:.3em}
.cues .dim{white-space:nowrap}
.cues .bar{width:2.2rem;margin-right:.2em}
.cues li{color:var(--neutral)}
.cues li>span:not(.dim){color:var(--ink)}
.cues .expected{color:var(--shown)}
.cues .expected>span:not(.dim){font-weight:650}
.cues .speech,.cues .speech>span:not(.dim){color:var(--dim)}
.chip{display:inline-block;padding:.12rem .6rem;border-radius:1rem;font-size:.86rem;
font-weight:600;color:var(--tone);border:1px solid var(--tone);
background:color-mix(in srgb,var(--tone) 12%,transparent)}
.chip.shown{--tone:var(--shown)}
.chip.partly{--tone:var(--partly)}
.chip.other{--tone:var(--other)}
.chip.neutral{--tone:var(--neutral)}
.chip.hidden,.chip.unknown{--tone:var(--dim);border-style:dashed;background:none}
.chip+.dim{margin-top:.4rem;font-size:.86rem}
footer{max-width:60rem;color:var(--dim);font-size:.85rem}
footer p+p{margin-top:.5rem}
@media screen and (max-width:60rem){
body{padding:1rem .8rem}
table,tbody{display:block;border-radius:10px}
thead{display:none}
.recording,.recording th{display:block}
tbody tr:not(.recording){display:grid;grid-template-columns:124px 1fr;gap:.5rem .9rem;
padding:.9rem .8rem;
grid-template-areas:"frame words" "frame emotion" "face face" "check check";
grid-template-rows:auto 1fr;border-bottom:1px solid var(--line)}
tbody:last-child tr:last-child{border-bottom:0}
td,td.emotion,td.face,td.check,td.frame,td.words{width:auto;min-width:0;padding:0;border:0}
td.frame{grid-area:frame}
td.words{grid-area:words}
td.emotion{grid-area:emotion}
td.face{grid-area:face}
td.check{grid-area:check;display:flex;flex-wrap:wrap;gap:.6rem;align-items:baseline}
td.time{grid-area:frame;align-self:end;font-size:.85rem}
td.time br,.none{display:none}
td.time .dim{margin-left:.5em}
td.frame{padding-bottom:1.6rem}
img,.blank{width:124px;max-height:124px}
.chip+.dim{margin:0}
}
@media print{
:root{--ink:#000;--dim:#555;--paper:#fff;--back:#fff;--line:#ccc;--track:#e6e8ec;--shown:#1a7f4b;
--partly:#9a6700;--other:#a6359c;--neutral:#57606a}
@page{size:landscape;margin:1.2cm}
html{font-size:11px}
body{padding:0;max-width:none;font-size:11px}
table{border-radius:0;overflow:visible}
tr{break-inside:avoid}
.recording{break-after:avoid}
thead{display:table-header-group}
td{padding:.5rem}
td.frame{width:120px}
img,.blank{width:108px;max-height:108px}
}
"""
