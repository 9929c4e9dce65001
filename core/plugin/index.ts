// `#core`: all that a plugin may use of core. The one barrel there is.
export { type Belongings, belongingsSlot } from '../accounts/belongings.ts';
export type { IdentityPolicy, ProvenIdentity } from '../accounts/identities.ts';
export { type Actor, allows, authorize, type Permission, systemActor } from '../accounts/permissions.ts';
export type { PendingSignIn, SessionData } from '../accounts/session-data.ts';
export type { FactorMethod, Proof, SecondFactor, SignInBrowser } from '../accounts/sign-in.ts';
export { containing, type User, userByEmail, userById } from '../accounts/store.ts';
export { identities, users } from '../accounts/tables.ts';
export { resourceCommand } from '../commands/resource.ts';
export * from '../db/columns.ts';
// The column kind: `json` is the reply.
export { json as document } from '../db/columns.ts';
export { each } from '../db/each.ts';
export type { Db, Queries, ReadQueries } from '../db/open.ts';
export { after, type Listed, orderOf, type Page, pageOf, type Term } from '../db/paging.ts';
export { ONLINE_WITHIN_MS } from '../devices/describe.ts';
export { qrCode } from '../devices/qr.ts';
export type { Movement, MovementRecorder } from '../devices/stats.ts';
export { countDevices, countOnline, deviceById, type OwnedDevice } from '../devices/store.ts';
export { devices } from '../devices/tables.ts';
export {
  Conflict,
  Forbidden,
  InvalidInput,
  messageOf,
  NotFound,
  PreconditionFailed,
  TooLarge,
  TooManyRequests,
  Unauthenticated,
  Unavailable,
} from '../errors.ts';
export type { EventName, Events, Poll } from '../events/bus.ts';
export type { CertificateFacts, Certificates, KeyAndCertificate } from '../http/certificates.ts';
export { type CsvColumns, csv } from '../http/csv.ts';
export { openEventStream } from '../http/event-stream.ts';
export { type FormField, type FormState, field, otherErrors } from '../http/fields.ts';
export { orShowAgain, readForm } from '../http/forms.ts';
export { choiceFilter, pagerFor, readList, setFilters, sortLinks, withQuery } from '../http/lists.ts';
export { download, json, leaveFor, localPath, type NavItem, type PageRequest, type Reply, type Route, raw, redirect, view } from '../http/route.ts';
export { type SelectionAct, selectionPages } from '../http/selection.ts';
export { bytesOf, noFile, type Upload } from '../http/upload.ts';
export type { Job } from '../jobs/jobs.ts';
export { addressOf, contains, isIpv6, numberOf, parseAddress, parseCidr, prefixOf } from '../net/cidr.ts';
export type { Cidr, DeviceId, FragmentKey, Fragments, NftRule, UserId } from '../net/inputs.ts';
export type { Topology } from '../net/topology.ts';
export { paging, sortBy } from '../operations/query.ts';
export { keptSecret, saveSection } from '../pages/section-form.ts';
export { address, cidr, email, host, line, parse, prose, secretText, unique, within } from '../parse.ts';
export { type Finder, finderSlot } from '../search/search.ts';
export { defineSection, securitySection } from '../settings/sections.ts';
export { differences } from '../settings/settings.ts';
export type { BackupPlace, BackupTarget } from '../system/backup-places.ts';
export { type Backups, passphrase } from '../system/backups.ts';
export type { Box } from '../system/box.ts';
export type { Clock } from '../system/clock.ts';
export { readThrough } from '../system/read-through.ts';
export { equalInConstantTime, hashToken, randomToken, type Secrets } from '../system/secrets.ts';
export type { Vitals } from '../system/vitals.ts';
export { createWebDownload, createWebFetch, type WebFetch } from '../system/web-fetch.ts';
export { VERSION } from '../version.ts';
export {
  type AfterSignOut,
  accountPanelSlot,
  afterSignOutSlot,
  type Bearer,
  type BearerAuthenticator,
  type BoxState,
  type Brand,
  backupsSlot,
  bearerSlot,
  boxSlot,
  boxStateSlot,
  brandSlot,
  type Command,
  certificatesSlot,
  dashboardPanelSlot,
  devicePanelSlot,
  diagnosticsPanelSlot,
  type Host,
  type HostNetwork,
  type Mail,
  type Mailer,
  type Manifest,
  mailerSlot,
  movementSlot,
  type Operation,
  type OperationAnswer,
  type OperationCall,
  operationSlot,
  originSlot,
  type Panel,
  type Parts,
  type Plugin,
  providerSeedSlot,
  type SignInMethod,
  userPanelSlot,
} from './contract.ts';
export { fill, slot } from './slots.ts';
