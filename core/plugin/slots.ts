/** A place that others may fill with things of one type: panels, authenticators, providers. */
export interface Slot<T> {
  readonly name: string;
  /** Only carries the type. */
  readonly __type?: T;
}

export interface Fill<T = unknown> {
  readonly slot: Slot<T>;
  readonly value: T;
}

export function slot<T>(name: string): Slot<T> {
  return { name };
}

export function fill<T>(place: Slot<T>, value: T): Fill<T> {
  return { slot: place, value };
}
