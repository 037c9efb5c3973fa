export { escapeXml } from './escape.js';
export { chartSvg, longestGap, type ChartData } from './chart.js';
export { reportHtml, resultRows } from './html.js';
export type { Check, EchoPoint, Phase, Report } from './report-data.js';
