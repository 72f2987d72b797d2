// Times as people say them: "4 min ago", in their own time zone.
const STEPS = [
  [60, 1, "s"],
  [5400, 60, "min"],
  [129600, 3600, "h"],
  [Infinity, 86400, "days"],
];

export function ago(seconds) {
  if (seconds < 5) return "just now";
  const [, unit, name] = STEPS.find(([limit]) => seconds < limit);
  return `${Math.round(seconds / unit)} ${name} ago`;
}

export function tell(root) {
  for (const each of root.querySelectorAll("time[data-ago]")) {
    const at = new Date(each.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const said = ago((Date.now() - at.getTime()) / 1000);
    if (each.textContent !== said) each.textContent = said;
    const whole = at.toLocaleString();
    if (each.title !== whole) each.title = whole;
  }
}
