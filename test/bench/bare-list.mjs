// The least that could answer the list of devices: Koa, one prepared statement, the same number of bytes.
import Database from 'better-sqlite3';
import Koa from 'koa';

const [, , file, port, bytes] = process.argv;
const db = new Database(file, { readonly: true });
const page = db.prepare('SELECT d.*, u.email FROM devices d JOIN users u ON u.id = d.user_id ORDER BY d.name, d.id LIMIT 51');
const total = db.prepare('SELECT count(*) FROM devices').pluck();
const padding = (text) => text.padEnd(Buffer.byteLength(bytes), ' ');

new Koa()
  .use((ctx) => {
    ctx.set('X-Total-Count', String(total.get()));
    ctx.type = 'json';
    ctx.body = padding(JSON.stringify(page.all().slice(0, 50)));
  })
  .listen(Number(port), () => console.log('listening'));
