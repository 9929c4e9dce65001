import { slot } from '../plugin/slots.ts';

/** What of a plugin's goes with users when they are deleted. */
export interface Belongings {
  count(userIds: readonly string[]): Promise<number>;
  /** `2 rules` */
  name(count: number): string;
}
export const belongingsSlot = slot<Belongings>('user.belongings');
