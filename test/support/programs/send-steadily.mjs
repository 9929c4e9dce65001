// Sends UDP packets from an address to another at a steady rate, and prints how many: SOURCE DESTINATION PORT PER-SECOND SECONDS
import dgram from 'node:dgram';
import { once } from 'node:events';

const [source, destination, port, perSecond, seconds] = process.argv.slice(2);
const TICK_MS = 2;
const socket = dgram.createSocket('udp4');
socket.on('error', () => {});
socket.bind(0, source);
await once(socket, 'listening');
socket.connect(Number(port), destination);
await once(socket, 'connect');

let sent = 0;
const begun = performance.now();
const timer = setInterval(() => {
  const elapsedMs = performance.now() - begun;
  for (const due = Math.floor((Math.min(elapsedMs, seconds * 1_000) / 1_000) * perSecond); sent < due; sent += 1) socket.send('x');
  if (elapsedMs < seconds * 1_000) return;
  clearInterval(timer);
  socket.close();
  console.log(sent);
}, TICK_MS);
