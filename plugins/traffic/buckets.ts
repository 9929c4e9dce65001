const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** Buckets are so many seconds long, begin at multiples of that since 1970 (days are UTC days), and are kept so many days. */
export const SPANS = [
  { seconds: 5 * MINUTE, keptDays: 2 },
  { seconds: HOUR, keptDays: 60 },
  { seconds: DAY, keptDays: 730 },
] as const;

/** How far back somebody looks: in so many buckets, the present one included. */
export const RANGES = {
  hour: { span: 5 * MINUTE, buckets: 12, row: 5 * MINUTE },
  day: { span: 5 * MINUTE, buckets: 288, row: HOUR },
  month: { span: HOUR, buckets: 30 * 24, row: DAY },
  year: { span: DAY, buckets: 365, row: 'month' },
} as const;
export type Range = keyof typeof RANGES;
export const RANGE_NAMES = Object.keys(RANGES) as [Range, ...Range[]];

export function startOf(spanSeconds: number, at: Date): Date {
  const ms = spanSeconds * 1_000;
  return new Date(Math.floor(at.getTime() / ms) * ms);
}

/** The starts of a range's buckets, the oldest first. */
export function startsIn(range: Range, now: Date): readonly Date[] {
  const { span, buckets } = RANGES[range];
  const last = startOf(span, now).getTime();
  return Array.from({ length: buckets }, (_, index) => new Date(last - (buckets - 1 - index) * span * 1_000));
}

/** Older buckets are removed. */
export function keptSince({ keptDays }: (typeof SPANS)[number], now: Date): Date {
  return new Date(now.getTime() - keptDays * DAY * 1_000);
}
