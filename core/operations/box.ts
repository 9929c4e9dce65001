import { z } from 'zod';
import type { Actor } from '../accounts/permissions.ts';
import { type AuditRow, listAudit } from '../audit/store.ts';
import type { Db } from '../db/open.ts';
import type { Provisional } from '../net/provisional.ts';
import type { Notifications } from '../notifications/notifications.ts';
import type { NetworkView } from '../pages/network-view.ts';
import { parse } from '../parse.ts';
import type { Operation } from '../plugin/contract.ts';
import type { PluginHost, PluginStatus } from '../plugin/host.ts';
import { switchPlugin } from '../plugin/switch.ts';
import { type Backups, passphraseSchema } from '../system/backups.ts';
import { auditAnswer, changeAnswer, diagnosticsAnswer, notificationAnswer, pluginAnswer } from './answers.ts';
import { paging } from './query.ts';

export interface BoxOperationParts {
  readonly db: Db;
  readonly audit: Parameters<typeof switchPlugin>[0]['audit'];
  readonly backups: Backups;
  readonly notifications: Notifications;
  readonly network: NetworkView;
  readonly provisional: Provisional;
  readonly host: () => PluginHost;
}

/** The box itself: what it tells, what it looks like inside, what runs on it. */
export function boxOperations(parts: BoxOperationParts): readonly Operation[] {
  return [...notificationOperations(parts), ...insightOperations(parts), ...pluginOperations(parts), ...changeOperations(parts)];
}

function notificationOperations({ notifications }: BoxOperationParts): readonly Operation[] {
  const shared = { tag: 'Notifications', permission: 'diagnostics.read' } as const;
  return [
    {
      ...shared,
      id: 'list-notifications',
      method: 'GET',
      path: '/notifications',
      summary: 'List notifications, the newest first',
      answer: notificationAnswer,
      isList: true,
      async handle() {
        const items = await notifications.list();
        return { body: items, total: items.length, next: null };
      },
    },
    {
      ...shared,
      id: 'read-notification',
      method: 'POST',
      path: '/notifications/:id/read',
      summary: 'Mark a notification as read',
      answer: notificationAnswer,
      handle: async ({ params }) => ({ body: await notifications.markRead(params['id'] ?? '') }),
    },
    {
      ...shared,
      id: 'read-notifications',
      method: 'POST',
      path: '/notifications/read',
      summary: 'Mark all notifications as read',
      status: 204,
      handle: () => notifications.markAllRead().then(() => ({})),
    },
    {
      ...shared,
      id: 'clear-notification',
      method: 'DELETE',
      path: '/notifications/:id',
      summary: 'Clear a notification',
      status: 204,
      handle: ({ params }) => notifications.clear(params['id'] ?? '').then(() => ({})),
    },
    {
      ...shared,
      id: 'clear-notifications',
      method: 'DELETE',
      path: '/notifications',
      summary: 'Clear all notifications',
      status: 204,
      handle: () => notifications.clearAll().then(() => ({})),
    },
  ];
}

const moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const auditQuery = z.strictObject({
  ...paging,
  actor: z.string().max(254).optional(),
  action: z.string().max(100).optional(),
  via: auditAnswer.shape.via.optional(),
  since: moment.optional(),
  before: moment.optional(),
});

function insightOperations({ db, audit, backups, network }: BoxOperationParts): readonly Operation[] {
  const recordTaken = (actor: Actor, isEncrypted: boolean) =>
    db.transaction((tx) =>
      audit.record(tx, actor, { action: 'backup.taken', target: { type: 'backup', id: null, name: 'download' }, changes: { isEncrypted } }),
    );

  return [
    {
      id: 'list-audit',
      tag: 'Audit log',
      method: 'GET',
      path: '/audit',
      permission: 'audit.read',
      summary: 'List what was done, the newest first',
      query: auditQuery,
      answer: auditAnswer,
      isList: true,
      async handle({ query }) {
        const { items, total, next } = await listAudit(db, query as unknown as z.output<typeof auditQuery>);
        return { body: items satisfies readonly AuditRow[], total, next };
      },
    },
    {
      id: 'get-diagnostics',
      tag: 'Diagnostics',
      method: 'GET',
      path: '/diagnostics',
      permission: 'diagnostics.read',
      summary: 'The interface, its peers, repaired foreign changes, and the nft ruleset in force',
      answer: diagnosticsAnswer,
      async handle() {
        const status = network.status();
        return {
          body: {
            interface: network.interfaceName,
            serverPublicKey: await network.serverPublicKey(),
            state: status.kind,
            why: 'why' in status ? status.why : null,
            peers: (await network.peers()).map(({ publicKey, endpoint, allowedIps, latestHandshake, rxBytes, txBytes }) => ({
              public_key: publicKey,
              endpoint,
              allowed_ips: allowedIps,
              latest_handshake: latestHandshake,
              rx_bytes: rxBytes,
              tx_bytes: txBytes,
            })),
            drift: network.drift(),
            ruleset: await network.ruleset(),
          },
        };
      },
    },
    {
      id: 'get-backup',
      tag: 'Backup',
      method: 'GET',
      path: '/backup',
      permission: 'system.manage',
      summary: 'Database and keys as one archive; whoever has it has every secret of this box',
      type: 'application/gzip',
      async handle({ actor }) {
        await recordTaken(actor, false);
        return { body: backups.read(null) };
      },
    },
    {
      id: 'make-backup',
      tag: 'Backup',
      method: 'POST',
      path: '/backup',
      permission: 'system.manage',
      summary: 'Database and keys as one archive, encrypted under a passphrase: `age -d` opens it, and so does this box',
      body: passphraseSchema,
      type: 'application/octet-stream',
      async handle({ actor, body }) {
        const { passphrase } = parse(passphraseSchema, body);
        await recordTaken(actor, true);
        return { body: backups.read(passphrase) };
      },
    },
  ];
}

function pluginOperations({ db, audit, host }: BoxOperationParts): readonly Operation[] {
  const shared = { tag: 'Plugins', permission: 'plugins.manage', answer: pluginAnswer } as const;
  const act = (verb: 'enable' | 'disable', summary: string): Operation => ({
    ...shared,
    id: `${verb}-plugin`,
    method: 'POST',
    path: `/plugins/:id/${verb}`,
    summary,
    handle: async ({ actor, params }) => ({ body: showPlugin(await switchPlugin({ db, audit, host: host() }, actor, params['id'] ?? '', verb)) }),
  });
  return [
    {
      ...shared,
      id: 'list-plugins',
      method: 'GET',
      path: '/plugins',
      summary: 'List plugins and how they are',
      isList: true,
      async handle() {
        const statuses = host().statuses();
        return { body: statuses.map(showPlugin), total: statuses.length, next: null };
      },
    },
    act('enable', 'Switch a plugin on'),
    act('disable', 'Switch a plugin off'),
  ];
}

function changeOperations({ provisional }: BoxOperationParts): readonly Operation[] {
  const shared = { tag: 'Changes to confirm', permission: 'settings.manage' } as const;
  const act = (verb: 'confirm' | 'undo', summary: string): Operation => ({
    ...shared,
    id: `${verb}-change`,
    method: 'POST',
    path: `/changes/:id/${verb}`,
    summary,
    status: 204,
    handle: ({ actor, params }) => provisional[verb](actor, params['id'] ?? '').then(() => ({})),
  });
  return [
    {
      ...shared,
      id: 'list-changes',
      method: 'GET',
      path: '/changes',
      summary: 'The change that is taken back unless somebody confirms it, if there is one',
      answer: changeAnswer,
      isList: true,
      async handle() {
        const change = provisional.waiting();
        const items = change === null ? [] : [change].map(({ undo: _undo, ...shown }) => shown);
        return { body: items, total: items.length, next: null };
      },
    },
    act('confirm', 'Keep a change'),
    act('undo', 'Take a change back'),
  ];
}

function showPlugin({ plugin: { manifest }, state }: PluginStatus): object {
  const { id, title, summary } = manifest;
  return { id, title, summary, state: state.kind, why: state.kind === 'failed' ? state.why : null };
}
