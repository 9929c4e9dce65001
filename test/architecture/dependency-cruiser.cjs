// Who may import what (npm run check). One rule a sentence of the architecture.
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    forbid('no-cycles', 'Every part can be read without the ones that use it.', {}, { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }),
    forbid('no-orphan-types', 'What is imported exists.', {}, { couldNotResolve: true }),
    forbid(
      'plugins-see-core',
      'A plugin uses #core and its own folder.',
      { path: '^plugins/([^/]+)/' },
      { path: '^(core|plugins)/', pathNot: ['^core/plugin/index\\.ts$', '^plugins/$1/'] },
    ),
    forbid(
      'core-knows-no-plugin',
      'Only the start and the plugin command receive the list.',
      { path: '^core/', pathNot: '^core/(main|commands/plugin(-commands)?)\\.ts$' },
      { path: '^plugins/' },
    ),
    forbid(
      'one-door-to-processes',
      'Programs are run in one place.',
      { path: '^(core|plugins)/', pathNot: '^core/system/run\\.ts$' },
      { path: '^(node:)?child_process$' },
    ),
    forbid(
      'drivers-in-db',
      'Only core/db knows the database driver.',
      { path: '^(core|plugins)/', pathNot: '^core/db/' },
      { path: '(^|node_modules/)(better-sqlite3|drizzle-orm/better-sqlite3)' },
    ),
    forbid(
      'pages-render',
      'Pages ask services; they neither query nor configure the kernel.',
      { path: '^core/pages/' },
      { path: '^(core/net/|node_modules/drizzle-orm)', dependencyTypesNot: ['type-only'] },
    ),
  ],
  // TypeScript 7 has no API for tools yet, so swc reads the sources.
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
