import { listUsers, USER_SORTS, type UserInList, type UserQuery, usersByIds } from '../accounts/store.ts';
import { USER_ACTS, type UserAct, type Users } from '../accounts/users.ts';
import type { Db } from '../db/open.ts';
import { type CsvColumns, csv } from '../http/csv.ts';
import { choiceFilter, type ListState, pagerFor, readList, setFilters, sortLinks, withQuery } from '../http/lists.ts';
import { type Route, view } from '../http/route.ts';
import { type SelectionAct, selectionPages } from '../http/selection.ts';
import { en } from '../text/en.ts';

interface UserListParts {
  readonly db: Db;
  readonly users: Users;
  /** `3 devices, 2 rules and 1 API token`, of all of them together. */
  readonly belongingsOf: (userIds: readonly string[]) => Promise<string>;
}

const text = en.users;
const ROOT = '/admin/users';

const CSV: CsvColumns<UserInList> = {
  id: ({ id }) => id,
  email: ({ email }) => email,
  role: ({ role }) => role,
  devices: ({ deviceCount }) => deviceCount,
  disabled_at: ({ disabledAt }) => disabledAt,
  last_signed_in_at: ({ lastSignedInAt }) => lastSignedInAt,
  last_signed_in_method: ({ lastSignedInMethod }) => lastSignedInMethod,
  created_at: ({ createdAt }) => createdAt,
};

/** The list of users: searched, sorted, exported, and changed several at once. */
export function userListPages({ db, users, belongingsOf }: UserListParts): readonly Route[] {
  const acts = userActs(users, belongingsOf);

  return [
    {
      method: 'GET',
      path: ROOT,
      permission: 'users.manage',
      async handle({ query, actor }) {
        const { state, filters } = readUserList(query);
        const { items, total } = await listUsers(db, asQuery(query));
        return view('core/users/list', {
          title: text.title,
          users: items,
          ownId: actor.userId,
          state,
          filters,
          isFiltered: state.q !== '' || Object.keys(setFilters(filters)).length > 0,
          root: ROOT,
          acts,
          exportPath: withQuery(`${ROOT}.csv`, query),
          sorts: sortLinks(ROOT, query, state, USER_SORTS),
          pager: pagerFor(ROOT, query, state, total),
        });
      },
    },
    {
      method: 'GET',
      path: `${ROOT}.csv`,
      permission: 'users.manage',
      handle: ({ query }) => csv('users.csv', CSV, (page) => listUsers(db, { ...asQuery(query), offset: 0, ...page })),
    },
    ...selectionPages<UserInList>({
      root: ROOT,
      permission: 'users.manage',
      acts,
      find: (ids) => usersByIds(db, ids),
      name: ({ id, email, deviceCount }) => ({ id, name: email, detail: text.deviceCount(deviceCount) }),
    }),
  ];
}

function readUserList(query: URLSearchParams) {
  const filters = [
    choiceFilter(query, 'role', text.role, text.roles),
    choiceFilter(query, 'status', text.status, { enabled: en.common.enabled, disabled: en.common.disabled }),
  ];
  return { state: readList(query, USER_SORTS, 'email'), filters };
}

function asQuery(query: URLSearchParams): ListState & UserQuery {
  const { state, filters } = readUserList(query);
  return { ...state, ...setFilters(filters) };
}

function userActs(users: Users, belongingsOf: UserListParts['belongingsOf']): readonly SelectionAct<UserInList>[] {
  const words: Readonly<Record<UserAct, Omit<SelectionAct<UserInList>, 'name' | 'run'>>> = {
    disable: {
      label: text.disable,
      icon: 'user-off',
      undoneBy: 'enable',
      ask: (chosen) => text.manyDisableAsk(chosen.length, devicesOf(chosen)),
    },
    enable: { label: text.enable, icon: 'user-check', ask: (chosen) => text.manyEnableAsk(chosen.length) },
    'end-vpn': { label: text.endVpn, icon: 'plug-off', ask: (chosen) => text.manyEndVpnAsk(chosen.length) },
    delete: {
      label: en.common.delete,
      icon: 'trash',
      isDangerous: true,
      ask: async (chosen) => text.manyDeleteAsk(chosen.length, await belongingsOf(chosen.map(({ id }) => id))),
    },
  };
  return USER_ACTS.map((name) => ({
    ...words[name],
    name,
    run: async ({ actor }, ids) => text.manyDone[name]((await users.toAll(actor, name, ids)).length),
  }));
}

function devicesOf(chosen: readonly UserInList[]): number {
  return chosen.reduce((sum, { deviceCount }) => sum + deviceCount, 0);
}
