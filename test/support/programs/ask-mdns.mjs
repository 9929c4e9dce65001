// ask-mdns.mjs <name>: the IPv4 addresses that answer to a name on the local network (RFC 6762), one a line.
import { createSocket } from 'node:dgram';

const labels = process.argv[2].split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
const query = Buffer.concat([Buffer.from([0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, Buffer.from([0, 0, 1, 0x80, 1])]);
const socket = createSocket('udp4');
const addresses = new Set();
socket.on('message', (answer) => {
  // A record of type A and class IN ends with its length, 4, and the address.
  for (let at = 12; at < answer.length - 13; at += 1) {
    if (answer.readUInt16BE(at) === 1 && (answer.readUInt16BE(at + 2) & 0x7fff) === 1 && answer.readUInt16BE(at + 8) === 4) {
      addresses.add([...answer.subarray(at + 10, at + 14)].join('.'));
    }
  }
});
const ask = () => socket.send(query, 5353, '224.0.0.251');
ask();
const asking = setInterval(ask, 1_000);
setTimeout(() => {
  clearInterval(asking);
  socket.close();
  console.log([...addresses].join('\n'));
}, 6_000);
