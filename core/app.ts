import { join } from 'node:path';
import { createEnrolledKinds } from './accounts/enrolled-kinds.ts';
import { createFactors } from './accounts/factors.ts';
import { createFlows } from './accounts/flows.ts';
import { createIdentities } from './accounts/identities.ts';
import { keepAWayIn } from './accounts/local-sign-in.ts';
import type { Actor } from './accounts/permissions.ts';
import { readProviderSeed } from './accounts/provider-seed.ts';
import { createRecoveryCodes } from './accounts/recovery-codes.ts';
import type { SessionData } from './accounts/session-data.ts';
import { createSessionStore } from './accounts/session-store.ts';
import { createSessions } from './accounts/sessions.ts';
import { createSetup } from './accounts/setup.ts';
import { createSignIn } from './accounts/sign-in.ts';
import type { User } from './accounts/store.ts';
import { hasAdminUsed, userById } from './accounts/store.ts';
import { createThrottle } from './accounts/throttle.ts';
import { createUsers } from './accounts/users.ts';
import { nextVpnSessionNotice, vpnSessionNotice } from './accounts/vpn-session.ts';
import { createAudit } from './audit/audit.ts';
import { createForeignActs } from './audit/foreign.ts';
import type { Config } from './config.ts';
import { migrate } from './db/migrate.ts';
import { openDb } from './db/open.ts';
import { steady } from './db/steady.ts';
import { createDevices, refuseStrandedAddresses } from './devices/devices.ts';
import { createStats } from './devices/stats.ts';
import { countDevices } from './devices/store.ts';
import { createEventBus } from './events/bus.ts';
import { openCertificates } from './http/certificates.ts';
import { createLive } from './http/live.ts';
import { type Route, raw } from './http/route.ts';
import { createWeb } from './http/web.ts';
import { createJobs, type Job } from './jobs/jobs.ts';
import { whyNoDataPlane } from './net/capability.ts';
import { confirmNetwork, takeBackNetwork } from './net/confirm-network.ts';
import type { FragmentKey } from './net/inputs.ts';
import { createKeep } from './net/keep.ts';
import { createKernel } from './net/kernel.ts';
import { createProvisional } from './net/provisional.ts';
import { createIdleReconciler, createReconciler } from './net/reconcile.ts';
import { createNetworkStore } from './net/store.ts';
import { createNetworkMap } from './net/topology.ts';
import { createNotifications } from './notifications/notifications.ts';
import { coreOperations } from './operations/index.ts';
import { CORE_NAV, UPKEEP_NAV } from './pages/nav.ts';
import type { NetworkView } from './pages/network-view.ts';
import { corePages } from './pages/pages.ts';
import { settingsNav } from './pages/settings.ts';
import {
  afterSignOutSlot,
  type BoxState,
  backupsSlot,
  bearerSlot,
  boxSlot,
  boxStateSlot,
  brandSlot,
  certificatesSlot,
  movementSlot,
  operationSlot,
  originSlot,
  type Plugin,
  providerSeedSlot,
  type SignInMethod,
  secondFactorSlot,
  signInSlot,
} from './plugin/contract.ts';
import { createPluginHost } from './plugin/host.ts';
import { fill } from './plugin/slots.ts';
import { createPluginStates } from './plugin/states.ts';
import { createSearch, finderSlot } from './search/search.ts';
import { coreSections } from './settings/sections.ts';
import { createSettings } from './settings/settings.ts';
import { ownAddresses } from './system/addresses.ts';
import { createBackups } from './system/backups.ts';
import { findBox } from './system/box.ts';
import type { Clock } from './system/clock.ts';
import type { Log } from './system/log.ts';
import type { Paths } from './system/paths.ts';
import type { Run, Watch } from './system/run.ts';
import { createSecrets, readOrCreateKeyFile } from './system/secrets.ts';
import { watchVitals } from './system/vitals.ts';
import { en } from './text/en.ts';

export interface AppParts {
  readonly config: Config;
  readonly paths: Paths;
  readonly plugins: readonly Plugin[];
  readonly clock: Clock;
  readonly log: Log;
  readonly run: Run;
  readonly watch: Watch;
  /** Ends this process and begins anew, after a restore. */
  readonly restart?: () => void;
}

export type App = Awaited<ReturnType<typeof createApp>>;

const HOUSEKEEPING_MS = 3_600_000;
const DAY_MS = 86_400_000;
const HEALTHY_AFTER_MS = 10_000;

/** What changes one user's part of the network. */
const USER_EVENTS = ['user.changed', 'user.deleted', 'user.signed-in', 'device.changed', 'device.deleted'] as const;

/** Puts everything together; nothing runs until `start`. The only place that knows all parts. */
export async function createApp({ config, paths, plugins, clock, log, run, watch, restart = () => {} }: AppParts) {
  const db = openDb(config.dataDirectory);
  migrate(db.writer, paths.migrations, 'core');
  const secrets = createSecrets(config.secretKey ?? readOrCreateKeyFile(join(config.dataDirectory, 'secret.key')));
  const sections = coreSections(config);
  const providerSeed = await readProviderSeed(config.idpConfigFile);
  const events = createEventBus(log);
  const audit = createAudit(clock);
  const jobs = createJobs(clock, log, events);
  const notifications = createNotifications(db, clock, events);
  const settings = createSettings({ db, audit, events, clock, secrets });
  settings.guard('network', (tx, next) => refuseStrandedAddresses(tx, next as never));

  const certificates =
    config.httpsPort === undefined ? null : await openCertificates({ directory: join(config.dataDirectory, 'tls'), names: ownNames, clock, log });

  const sessions = createSessionStore(db, clock);
  const flows = createFlows(db, clock);
  const throttle = createThrottle(db, clock);
  const users = createUsers({ db, audit, events, clock });
  const setup = createSetup({ db, audit, clock, throttle, sections, settings });
  const browserSessions = createSessions({ db, audit, events, clock });
  const identities = createIdentities({ db, audit });
  const recoveryCodes = createRecoveryCodes({ db, audit, clock });
  const secondFactors = () => host.all(secondFactorSlot);
  const kinds = createEnrolledKinds({ db, secondFactors, isBroken: (kind) => ['failed', 'safe-mode'].includes(host.stateOf(kind)?.kind ?? '') });
  const factors = createFactors({ db, audit, events, recoveryCodes, kinds, secondFactors });
  const signIn = createSignIn({
    db,
    audit,
    events,
    clock,
    throttle,
    secondFactors,
    secondFactorPolicy: async () => (await settings.read(sections.security)).secondFactor,
    isLocalAllowed,
    kinds,
    hasRecoveryCodes: async (userId) => (await recoveryCodes.left(userId)) > 0,
  });
  settings.guard('security', keepAWayIn(clock, offeredMethods));
  const devices = createDevices({ db, audit, events, clock, secrets, settings, sections });

  const networkStore = createNetworkStore({ db, config, settings, sections, secrets, clock });
  const networkMap = createNetworkMap(db, settings, sections, clock);
  const provisional = createProvisional({
    db,
    audit,
    clock,
    revert: async (tx, owner, undo) => (owner === 'network' ? takeBackNetwork(tx, settings, undo) : host.revert(owner, tx, undo)),
    async onUndone(title, isByTime) {
      settings.forget();
      events.emit('settings.changed', { section: 'network' });
      if (isByTime) await notifications.raise('warning', 'network', en.provisional.notConfirmed(title));
    },
  });
  const backups = createBackups({ dataDirectory: config.dataDirectory, migrations: paths.migrations, clock, run, restart });
  settings.guard('network', confirmNetwork(provisional));
  const box = findBox(config);
  const states = createPluginStates(db, clock);
  const host = createPluginHost({
    plugins,
    states,
    services: { settings, db, audit, log, clock, secrets, events, signIn: { ...signIn, endVpnSession: users.endVpnSession } },
    networkFor: (id) => ({
      ...networkMap,
      reconcile: async (keys) => void (await reconciler.request(keys)),
      provisionally: (tx, actor, title, undo) => provisional.begin(tx, actor, { owner: id, title, undo }),
      refuseWhileWaiting: (tx) => provisional.refuseWhileWaiting(tx, id),
    }),
    jobs,
    network: networkStore,
    migrate: (owner) => migrate(db.writer, paths.migrations, owner),
    coreFills: () => [
      ...coreOperations(operationParts()).map((operation) => fill(operationSlot, operation)),
      fill(providerSeedSlot, providerSeed),
      ...(certificates ? [fill(certificatesSlot, certificates)] : []),
      fill(originSlot, config.externalUrl),
      fill(boxStateSlot, boxState),
      ...(box ? [fill(boxSlot, box)] : []),
      fill(backupsSlot, backups),
    ],
  });

  const live = createLive(events, clock);
  const whyOff = await whyNoDataPlane(config.dataPlane, run);
  const load = () => steady(db, async (turn) => networkStore.load(await host.fragments(), turn));
  const loadPart = (keys: readonly FragmentKey[]) => steady(db, async () => networkStore.loadPart(keys, await host.fragments(keys)));
  const onChange = () => events.emit('network.changed', {});
  const onPass = (durationMs: number, isOk: boolean) => events.emit('network.reconciled', { durationMs, isOk });
  const keep = config.networkStateDirectory === undefined ? undefined : createKeep(config.networkStateDirectory, clock, log);
  const reconciler =
    whyOff === null
      ? createReconciler({ load, loadPart, kernel: createKernel(run, log), watch, clock, log, onChange, onPass, keep })
      : createIdleReconciler(whyOff);
  events.on('attention.needed', ({ severity, about, message }) => notifications.raise(severity, about, message));
  for (const name of ['settings.changed', 'plugins.changed'] as const) events.on(name, () => void reconciler.request());
  for (const name of USER_EVENTS) events.on(name, ({ userId }) => void reconciler.request([`user:${userId}`]));
  events.on('network.changed', async () => {
    const status = reconciler.status();
    if (status.kind === 'failed') await notifications.raise('error', 'network', status.why);
  });

  const serverPublicKey = async () => (await networkStore.serverKeys()).publicKey;
  const network: NetworkView = {
    interfaceName: config.interfaceName,
    serverPublicKey,
    peers: async () => (reconciler.status().kind === 'off' ? [] : [...(await reconciler.peers().catch(() => new Map())).values()]),
    drift: reconciler.drift,
    driftCount: reconciler.driftCount,
    ruleset: reconciler.ruleset,
    status: reconciler.status,
  };

  const stats = createStats({
    db,
    events,
    clock,
    log,
    traffic: reconciler.traffic,
    isWatched: live.isWatched,
    recorders: () => host.all(movementSlot),
  });
  const boxState: BoxState = {
    network: () => reconciler.status(),
    driftCount: reconciler.driftCount,
    jobs: jobs.states,
    plugins: () => host.statuses().map(({ plugin, state }) => ({ id: plugin.manifest.id, state: state.kind })),
    vitals: watchVitals,
  };

  const shownSections = () => [
    ...Object.values(sections),
    ...host.statuses().flatMap(({ plugin, state }) => (state.kind === 'running' && plugin.manifest.settings ? [plugin.manifest.settings] : [])),
  ];
  function operationParts(): Parameters<typeof coreOperations>[0] {
    return {
      db,
      audit,
      users,
      devices,
      settings,
      sections,
      shownSections,
      clock,
      serverPublicKey,
      backups,
      notifications,
      network,
      provisional,
      sessions: browserSessions,
      identities,
      factors,
      recoveryCodes,
      host: () => host,
    };
  }

  let isSafeMode = false;
  const leaveSafeMode = async () => {
    await states.forgetStarts();
    isSafeMode = false;
    await host.startAll(false);
    events.emit('plugins.changed', {});
  };

  const nav = () => [...CORE_NAV, ...settingsNav(shownSections()), ...host.parts().flatMap((parts) => parts.nav ?? []), ...UPKEEP_NAV];
  const search = createSearch({ db, nav, finders: () => host.all(finderSlot) });
  const coreRoutes: readonly Route[] = [
    ...corePages({
      ...{
        db,
        config,
        jobs,
        stats,
        devices,
        settings,
        sections,
        shownSections,
        clock,
        users,
        audit,
        setup,
        signIn,
        events,
        notifications,
        network,
        host,
        search,
      },
      ...{ provisional, serverPublicKey, offeredMethods, isLocalAllowed, afterSignOut, isSafeMode: () => isSafeMode, leaveSafeMode },
      ...{ factors, recoveryCodes, identities, sessions: browserSessions },
    }),
    {
      method: 'GET',
      path: '/live',
      permission: 'account.own',
      handle: async ({ actor, query }) => raw('text/event-stream', live.open(actor, { rates: query.get('rates'), nextNotice: await noticesOf(actor) })),
    },
  ];

  const web = await createWeb({
    config,
    paths,
    log,
    events,
    clock,
    db,
    sessions,
    flows,
    provisional: provisional.waiting,
    network: reconciler,
    noticesFor,
    isSetupNeeded: setup.isNeeded,
    isPubliclyTrusted: () => certificates?.facts().trust === 'public',
    actorOfToken: (token, ip) => firstAnswer(host.all(bearerSlot), (authenticate) => authenticate(token, ip)),
    // A plugin's own page of its settings comes before the one that is drawn from the section.
    routes: () => [...host.parts().flatMap(({ pages }) => pages?.() ?? []), ...coreRoutes],
    brand: async () => (await host.all(brandSlot)[0]?.()) ?? { name: en.product, logo: null, signInMessage: null },
    nav,
  });
  events.on('plugins.changed', web.remount);

  let stops: (() => void)[] = [];
  return {
    db,
    audit,
    setup,
    users,
    devices,
    settings,
    sections,
    secrets,
    http: web.http,
    certificates,
    host,
    events,
    reconciler,
    networkStore,

    /** Loads plugins and brings the network up; the network's failure does not keep the pages from running. */
    async start(): Promise<void> {
      const beginning = await states.beginStart();
      isSafeMode = beginning.isSafeMode;
      if (isSafeMode) log.error('the last three starts did not become healthy: safe mode, no plugin is loaded');
      await host.startAll(isSafeMode);
      web.remount();
      await provisional.start();
      await reconciler.start();
      stops = [
        jobs.start({ id: 'certificate', everyMs: DAY_MS, deadlineMs: 60_000, run: async () => certificates?.renewOwn() }),
        jobs.start(stats.job),
        jobs.start(await foreignWritesJob()),
        jobs.start({
          id: 'housekeeping',
          everyMs: HOUSEKEEPING_MS,
          deadlineMs: 60_000,
          run: async () => void (await Promise.all([sessions.removeExpired(), flows.removeExpired(), throttle.removeExpired()])),
        }),
        clock.after(HEALTHY_AFTER_MS, () => void beginning.markHealthy()),
        () => void beginning.markHealthy(),
      ];
    },
    /** Streams of events never end by themselves. */
    endStreams: live.closeAll,
    /** Ends what runs here; tunnels and rules stay. */
    async stop(): Promise<void> {
      for (const stop of stops) stop();
      live.closeAll();
      provisional.stop();
      reconciler.stop();
      await host.stopAll();
      await db.transaction(async () => {});
      db.close();
    },
  };

  /** By what a browser may call this box. */
  function ownNames(): readonly string[] {
    return [new URL(config.externalUrl).hostname.replace(/^\[|\]$/g, ''), 'localhost', ...ownAddresses()];
  }

  async function noticesFor(user: User) {
    const { vpnSessionDuration } = await settings.read(sections.security);
    const notice = vpnSessionNotice(user, vpnSessionDuration, clock.now());
    const hasDevices = notice !== null && (await countDevices(db, user.id)) > 0;
    return { unread: user.role === 'admin' ? await notifications.countUnread() : 0, vpnSession: hasDevices ? notice : null };
  }

  async function noticesOf({ userId }: Actor): Promise<(now: Date) => Date | null> {
    const user = userId === null ? null : await userById(db, userId);
    const { vpnSessionDuration } = await settings.read(sections.security);
    return (now) => user && nextVpnSessionNotice(user, vpnSessionDuration, now);
  }

  /** What plugins offer beside the password; one that cannot say keeps nobody else from being offered. */
  async function offeredMethods(): Promise<readonly SignInMethod[]> {
    const answers = await Promise.allSettled(host.all(signInSlot).map((methods) => methods()));
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  }

  /** Switched off it is allowed all the same when the way in that an administrator has used is no longer offered: the box must let its owner in. */
  async function isLocalAllowed(): Promise<boolean> {
    if ((await settings.read(sections.security)).localSignIn) return true;
    const methods = (await offeredMethods()).map(({ id }) => id);
    return !(await hasAdminUsed(db, methods, clock.now()));
  }

  async function afterSignOut(was: Readonly<SessionData>): Promise<string | null> {
    return firstAnswer(host.all(afterSignOutSlot), (next) => next(was));
  }

  /** The command line writes to the same database: follow it within half a second. */
  async function foreignWritesJob(): Promise<Job> {
    let seen = db.foreignVersion();
    const acts = await createForeignActs(db, events);
    return {
      id: 'foreign-writes',
      everyMs: 500,
      deadlineMs: 60_000,
      async run() {
        const now = db.foreignVersion();
        if (now === seen) return;
        seen = now;
        settings.forget();
        await host.followStates();
        await acts.tell();
        await reconciler.request();
      },
    };
  }
}

/** The first of the answers that is not null. */
async function firstAnswer<T, A>(candidates: readonly T[], ask: (candidate: T) => Promise<A | null>): Promise<A | null> {
  for (const candidate of candidates) {
    const answer = await ask(candidate);
    if (answer !== null) return answer;
  }
  return null;
}
