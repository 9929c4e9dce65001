import { type Actor, allows, type Permission } from '../accounts/permissions.ts';
import { listUsers } from '../accounts/store.ts';
import type { Db } from '../db/open.ts';
import { findDevices } from '../devices/store.ts';
import type { NavItem } from '../http/route.ts';
import { slot } from '../plugin/slots.ts';
import { en } from '../text/en.ts';

/** Something to go to. */
export interface Hit {
  readonly label: string;
  readonly detail: string;
  readonly path: string;
}

/** Finds things of one kind for those who may see them; plugins bring theirs. */
export interface Finder {
  /** `Users` */
  readonly title: string;
  readonly permission: Permission;
  find(actor: Actor, q: string, limit: number): Promise<readonly Hit[]>;
}
export const finderSlot = slot<Finder>('search.finder');

export interface HitGroup {
  readonly title: string;
  readonly hits: readonly Hit[];
}

export type Search = (actor: Actor, q: string) => Promise<readonly HitGroup[]>;

interface SearchParts {
  readonly db: Db;
  readonly nav: () => readonly NavItem[];
  readonly finders: () => readonly Finder[];
}

const MOST_OF_A_KIND = 8;
const LONGEST = 200;

/** Looks everywhere that the actor may look. */
export function createSearch({ db, nav, finders }: SearchParts): Search {
  const own: readonly Finder[] = [pageFinder(nav), userFinder(db), deviceFinder(db)];

  return async (actor, q) => {
    const asked = q.trim().slice(0, LONGEST);
    const allowed = [...own, ...finders()].filter(({ permission }) => allows(actor, permission));
    const groups = await Promise.all(allowed.map(async ({ title, find }) => ({ title, hits: await find(actor, asked, MOST_OF_A_KIND) })));
    return groups.filter(({ hits }) => hits.length > 0);
  };
}

/** Pages by the beginnings of the words in their names; with nothing asked for, all of them. */
function pageFinder(nav: () => readonly NavItem[]): Finder {
  return {
    title: en.search.pages,
    permission: 'account.own',
    async find(actor, q) {
      const isMeant = ({ label }: NavItem) => ` ${label}`.toLowerCase().includes(` ${q.toLowerCase()}`);
      return nav()
        .filter((item) => allows(actor, item.permission) && isMeant(item) && (q !== '' || item.group !== 'settings'))
        .sort((one, other) => Number(one.group === 'settings') - Number(other.group === 'settings'))
        .map(({ label, path, group }) => ({ label, path, detail: group === 'settings' ? en.nav.settings : '' }));
    },
  };
}

function userFinder(db: Db): Finder {
  return {
    title: en.users.title,
    permission: 'users.manage',
    async find(_, q, limit) {
      if (q === '') return [];
      const { items } = await listUsers(db, { q, limit });
      return items.map(({ id, email, role }) => ({ label: email, detail: en.users.roles[role], path: `/admin/users/${id}` }));
    },
  };
}

/** Everybody's devices for administrators, one's own for others. */
function deviceFinder(db: Db): Finder {
  return {
    title: en.devices.allTitle,
    permission: 'devices.own',
    async find(actor, q, limit) {
      if (q === '') return [];
      const isEverybodys = allows(actor, 'devices.manage');
      const { items } = await findDevices(db, { q, limit, userId: isEverybodys ? undefined : (actor.userId ?? '-') });
      return items.map(({ id, name, owner, ipv4 }) => ({ label: name, detail: isEverybodys ? owner.email : (ipv4 ?? ''), path: `/devices/${id}` }));
    },
  };
}
