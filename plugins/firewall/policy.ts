import type { Actor, Host, Queries } from '#core';
import type { Assertions } from './assertions.ts';
import { createJudge } from './judge.ts';
import { isCutOff } from './own-connection.ts';
import { BreaksAssertions, type ChangeOptions, type RulesUndo, restoreRules } from './rules.ts';
import { section } from './section.ts';
import type { Action } from './tables.ts';
import { describeBreach, text } from './text.ts';

/** What a provisional change of this plugin takes to be undone. */
type Undo = { readonly rules: RulesUndo } | { readonly defaultPolicy: Action };

export interface Policy {
  /** Throws InvalidInput, BreaksAssertions, or Conflict while a change waits to be confirmed. */
  change(actor: Actor, input: unknown, options?: ChangeOptions): Promise<void>;
  /** From now on every change of the policy, by whatever door, is judged. The answer ends that. */
  watch(): () => void;
}

export function createPolicy(host: Pick<Host, 'db' | 'settings' | 'network'>, assertions: Assertions): Policy {
  const { settings, network } = host;
  const overriding = new WeakSet<Actor>();

  return {
    async change(actor, input, { overridesAssertions = false } = {}) {
      const acting = { ...actor };
      if (overridesAssertions) overriding.add(acting);
      await settings.update(acting, section, input);
    },
    watch: () =>
      settings.guard(section.id, async (tx, next, previous, actor) => {
        await network.refuseWhileWaiting(tx);
        const judge = await createJudge(host, tx, next['defaultPolicy'] as Action);
        const broken = await assertions.brokenBy(tx, judge, new Set([null]));
        if (broken.length > 0 && !overriding.has(actor)) throw new BreaksAssertions(broken.map(describeBreach).join(' '));
        if (await isCutOff(host, judge, actor)) await network.provisionally(tx, actor, text.changeOfPolicy, { defaultPolicy: previous['defaultPolicy'] });
      }),
  };
}

/** Takes back a provisional change. */
export async function takeBack({ settings }: Pick<Host, 'settings'>, tx: Queries, undo: Undo): Promise<void> {
  if ('rules' in undo) return restoreRules(tx, undo.rules);
  return settings.restore(tx, section.id, { defaultPolicy: undo.defaultPolicy });
}
