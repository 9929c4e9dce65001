import { eq, inArray, max } from 'drizzle-orm';
import { type Actor, authorize, Conflict, each, type Host, InvalidInput, NotFound, parse, type Queries, type UserId, userById } from '#core';
import type { Assertions } from './assertions.ts';
import { keyOf } from './compile.ts';
import { createJudge } from './judge.ts';
import { isCutOff } from './own-connection.ts';
import { newRule, refusePortsWithoutProtocol, ruleChanges } from './schema.ts';
import { type Named, type Rule, ruleById, rulesOf } from './store.ts';
import { rules } from './tables.ts';
import { describeBreach, describeRule, text } from './text.ts';

/** What an administrator says beside a change. */
export interface ChangeOptions {
  /** Goes ahead although an assertion will be broken. */
  readonly overridesAssertions?: boolean;
}

/** Refused because of assertions; the change may be asked for again with `overridesAssertions`. */
export class BreaksAssertions extends Conflict {}

export interface Rules {
  get(actor: Actor, id: string): Promise<Named<Rule>>;
  /** Throws InvalidInput by field, BreaksAssertions, or Conflict while a change waits to be confirmed. */
  create(actor: Actor, input: unknown, options?: ChangeOptions): Promise<Named<Rule>>;
  update(actor: Actor, id: string, input: unknown, options?: ChangeOptions): Promise<Named<Rule>>;
  /** Puts the rule elsewhere among those of the same user, or of everyone. */
  move(actor: Actor, id: string, to: Place, options?: ChangeOptions): Promise<Named<Rule>>;
  remove(actor: Actor, id: string, options?: ChangeOptions): Promise<Named<Rule>>;
  /** The same to several rules, in one transaction: to all of them or none. */
  toAll(actor: Actor, act: RuleAct, ids: readonly string[], options?: ChangeOptions): Promise<readonly Named<Rule>[]>;
  /** Puts deleted rules back where they stood; those that are there already stay as they are. */
  restore(actor: Actor, deleted: readonly Rule[]): Promise<readonly Named<Rule>[]>;
}

export const RULE_ACTS = ['enable', 'disable', 'delete'] as const;
export type RuleAct = (typeof RULE_ACTS)[number];

/** One place on, or right before another rule, or with null at the end. */
export type Place = 'up' | 'down' | { readonly before: string | null };

/** What stood where before a change, by id; null: the rule was not there. */
export type RulesUndo = readonly { readonly id: string; readonly before: Rule | null }[];

/** What became of one rule, for the audit log. */
interface Change {
  readonly rule: Named<Rule>;
  readonly undo: RulesUndo;
  readonly action: string;
  readonly changes?: Readonly<Record<string, unknown>>;
}

const STEP = 10;

export function createRules(host: Pick<Host, 'db' | 'settings' | 'network' | 'clock' | 'audit' | 'events'>, assertions: Assertions): Rules {
  const { db, clock, audit, network } = host;

  async function existing(tx: Parameters<typeof ruleById>[0], id: string): Promise<Named<Rule>> {
    const rule = await ruleById(tx, id);
    if (rule === null) throw new NotFound(text.unknownRule);
    return rule;
  }

  /** Every change goes this way: assertions are asked, the author's own connection is looked after, the audit log is told. */
  async function changeAll(actor: Actor, { overridesAssertions = false }: ChangeOptions, work: (tx: Queries) => Promise<readonly Change[]>) {
    authorize(actor, 'rules.manage');
    const { changed, scopes } = await db.transaction(async (tx) => {
      await network.refuseWhileWaiting(tx);
      const changes = await work(tx);
      const undo = changes.flatMap((one) => one.undo);
      const touched = new Set(
        [...undo.map(({ before }) => before?.userId), ...changes.map(({ rule }) => rule.userId)].filter((userId) => userId !== undefined),
      );
      const judge = await createJudge(host, tx);
      const broken = await assertions.brokenBy(tx, judge, touched);
      if (broken.length > 0 && !overridesAssertions) throw new BreaksAssertions(broken.map(describeBreach).join(' '));
      if (await isCutOff(host, judge, actor)) await network.provisionally(tx, actor, titleOf(changes), { rules: undo });
      const overrides = broken.length > 0 ? { overrides: broken.map(describeBreach) } : {};
      for (const { rule, action, changes: details } of changes)
        await audit.record(tx, actor, { action, target: { type: 'rule', id: rule.id, name: describeRule(rule) }, changes: { ...details, ...overrides } });
      return { changed: changes.map(({ rule }) => rule), scopes: [...touched] };
    });
    for (const { id, userId } of changed) host.events.emit('rules.changed', { ruleId: id, userId });
    void network.reconcile(scopes.map(keyOf));
    return changed;
  }

  async function change(actor: Actor, options: ChangeOptions, work: (tx: Queries) => Promise<Change>): Promise<Named<Rule>> {
    const [rule] = await changeAll(actor, options, async (tx) => [await work(tx)]);
    if (rule === undefined) throw new NotFound(text.unknownRule);
    return rule;
  }

  async function updateOne(tx: Queries, id: string, input: unknown): Promise<Change> {
    const before = await existing(tx, id);
    const given = parse(ruleChanges, input);
    const { protocol = before.protocol, portRange = before.portRange } = given;
    refusePortsWithoutProtocol({ protocol, portRange });
    await refuseUnknownUser(tx, given.userId ?? null);
    await write(tx, id, given as Partial<Rule>);
    const rule = await existing(tx, id);
    return { rule, undo: [{ id, before: plain(before) }], action: 'rule.changed', changes: differences(before, rule) };
  }

  async function removeOne(tx: Queries, id: string): Promise<Change> {
    const rule = await existing(tx, id);
    await tx.delete(rules).where(eq(rules.id, id));
    return { rule, undo: [{ id, before: plain(rule) }], action: 'rule.deleted' };
  }

  async function restoreOne(tx: Queries, deleted: Rule): Promise<Change | null> {
    if ((await ruleById(tx, deleted.id)) !== null) return null;
    await refuseUnknownUser(tx, deleted.userId);
    await restoreRules(tx, [{ id: deleted.id, before: deleted }]);
    return { rule: await existing(tx, deleted.id), undo: [{ id: deleted.id, before: null }], action: 'rule.restored' };
  }

  const acts: Readonly<Record<RuleAct, (tx: Queries, id: string) => Promise<Change>>> = {
    enable: (tx, id) => updateOne(tx, id, { enabled: true }),
    disable: (tx, id) => updateOne(tx, id, { enabled: false }),
    delete: removeOne,
  };

  return {
    async get(actor, id) {
      authorize(actor, 'rules.manage');
      return existing(db, id);
    },
    create: (actor, input, options = {}) =>
      change(actor, options, async (tx) => {
        const given = parse(newRule, input);
        refusePortsWithoutProtocol(given);
        await refuseUnknownUser(tx, given.userId);
        const at = await momentAfterAll(tx);
        const [row] = await tx
          .insert(rules)
          .values({ ...given, userId: given.userId as UserId | null, createdAt: at, updatedAt: at })
          .returning();
        const rule = await existing(tx, row?.id ?? '');
        return { rule, undo: [{ id: rule.id, before: null }], action: 'rule.created' };
      }),
    update: (actor, id, input, options = {}) => change(actor, options, (tx) => updateOne(tx, id, input)),
    move: (actor, id, to, options = {}) =>
      change(actor, options, async (tx) => {
        const rule = await existing(tx, id);
        const present = await rulesOf(tx, rule.userId);
        const others = present.filter((other) => other.id !== id);
        const place = placeOf(
          to,
          others,
          present.findIndex((other) => other.id === id),
        );
        const order = [...others.slice(0, place), rule, ...others.slice(place)];
        const moved = renumber(order, place);
        for (const { rule: one, priority } of moved) await write(tx, one.id, { priority });
        const undo = moved.map(({ rule: one }) => ({ id: one.id, before: plain(one) }));
        return {
          rule: await existing(tx, id),
          undo: undo.length > 0 ? undo : [{ id, before: plain(rule) }],
          action: 'rule.moved',
          changes: { position: place + 1 },
        };
      }),
    remove: (actor, id, options = {}) => change(actor, options, (tx) => removeOne(tx, id)),
    toAll: (actor, act, ids, options = {}) => changeAll(actor, options, (tx) => each(ids, (id) => acts[act](tx, id))),
    restore: (actor, deleted) => changeAll(actor, {}, async (tx) => (await each(deleted, (rule) => restoreOne(tx, rule))).filter((one) => one !== null)),
  };

  /** Age decides between rules of one priority, so no two may be of one age. */
  async function momentAfterAll(tx: Queries): Promise<Date> {
    const [last] = await tx.select({ at: max(rules.createdAt) }).from(rules);
    const now = clock.now();
    return last?.at && last.at >= now ? new Date(last.at.getTime() + 1) : now;
  }

  async function write(tx: Queries, id: string, set: Partial<Rule>): Promise<void> {
    await tx
      .update(rules)
      .set({ ...set, updatedAt: clock.now() })
      .where(eq(rules.id, id));
  }
}

function titleOf(changes: readonly Change[]): string {
  const [first] = changes;
  return changes.length === 1 && first ? text.changeOf(describeRule(first.rule)) : text.changeOfMany(changes.length);
}

function placeOf(to: Place, others: readonly Rule[], present: number): number {
  if (to === 'up') return Math.max(present - 1, 0);
  if (to === 'down') return Math.min(present + 1, others.length);
  const place = to.before === null ? others.length : others.findIndex(({ id }) => id === to.before);
  if (place < 0) throw new InvalidInput({ before: [text.validation.otherScope] });
  return place;
}

/** Puts back what stood there. Moments are texts after their way through the database. */
export async function restoreRules(tx: Queries, undo: RulesUndo): Promise<void> {
  await tx.delete(rules).where(
    inArray(
      rules.id,
      undo.map(({ id }) => id),
    ),
  );
  for (const { before } of undo) {
    if (before !== null) await tx.insert(rules).values({ ...before, createdAt: new Date(before.createdAt), updatedAt: new Date(before.updatedAt) });
  }
}

/** The priorities that make the order be this: one new number where there is room between the neighbours, else all anew. */
function renumber(order: readonly Rule[], place: number): readonly { readonly rule: Rule; readonly priority: number }[] {
  const rule = order[place];
  if (!rule) return [];
  const above = order[place - 1]?.priority ?? -1;
  const below = order[place + 1]?.priority ?? above + 2 * STEP;
  if (above < rule.priority && rule.priority < below) return [];
  const between = Math.floor((above + below) / 2);
  if (between > above && between < below) return [{ rule, priority: between }];
  return order.map((one, index) => ({ rule: one, priority: (index + 1) * STEP })).filter(({ rule: one, priority }) => one.priority !== priority);
}

async function refuseUnknownUser(tx: Queries, userId: string | null): Promise<void> {
  if (userId !== null && (await userById(tx, userId)) === null) throw new InvalidInput({ userId: [text.unknownUser] });
}

function plain({ userEmail: _named, ...rule }: Named<Rule> | (Rule & { readonly userEmail?: string | null })): Rule {
  return rule;
}

function differences(before: Named<Rule>, after: Named<Rule>): Readonly<Record<string, unknown>> {
  const fields = ['action', 'destination', 'protocol', 'portRange', 'userEmail', 'priority', 'enabled', 'comment'] as const;
  return Object.fromEntries(fields.filter((field) => before[field] !== after[field]).map((field) => [field, [before[field], after[field]]]));
}
