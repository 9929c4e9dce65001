#!/bin/bash
# app.sh <architecture>: BUILD/app, the service as it lies in /usr/lib/wiregui: Node, the bundle, its native modules.
. "$(dirname "$0")/common.sh"
architecture=$1
app=$BUILD/app modules=$SOURCE/node_modules
rm -rf "$app"
mkdir -p "$app/node_modules/@node-rs" "$app/node_modules/better-sqlite3/prebuilds"
cp "$modules/node-linux-$architecture/bin/node" "$app/node"
in_tools strip "$app/node"
cp -r "$SOURCE/dist" "$SOURCE/migrations" "$SOURCE/package.json" "$app/"
find "$app/dist" -name '*.js.map' -delete
find "$app/migrations" ! -name '*.sql' -type f -delete
cp -r "$modules"/better-sqlite3/{package.json,lib,LICENSE} "$app/node_modules/better-sqlite3/"
cp "$modules/better-sqlite3/prebuilds/linux-$architecture.node" "$app/node_modules/better-sqlite3/prebuilds/"
cp -r "$modules/@node-rs/argon2" "$modules/@node-rs/argon2-linux-$architecture-gnu" "$app/node_modules/@node-rs/"
find "$app" -type d -empty -delete
# Started in one way, wherever it is started (image/node-flags.mjs).
cat >"$app/run" <<X
#!/bin/sh
export $NODE_ENVIRONMENT
exec /usr/lib/wiregui/node $NODE_FLAGS /usr/lib/wiregui/dist/cli.js "\$@"
X
chmod -R u=rwX,go=rX "$app"
chmod 755 "$app/run"
