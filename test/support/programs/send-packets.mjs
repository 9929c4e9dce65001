// Sends one packet for each item of the JSON list on standard input: { source, destination, protocol, port }. Waits for no answers.
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as after } from 'node:timers/promises';

const AT_MOST_MS = 150;

const send = {
  async udp({ source, destination, port }) {
    const socket = dgram.createSocket(destination.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', () => {});
    socket.bind(0, source);
    await once(socket, 'listening');
    await new Promise((done) => socket.send('x', port, destination, done));
    socket.close();
  },
  async tcp({ source, destination, port }) {
    const socket = net.connect({ host: destination, port, localAddress: source });
    socket.on('error', () => {});
    await Promise.race([new Promise((done) => socket.on('close', done)), after(AT_MOST_MS)]);
    socket.destroy();
  },
  async icmp({ source, destination }) {
    const ping = spawn('ping', ['-c', '1', '-W', '0.1', '-I', source, destination], { stdio: 'ignore' });
    await once(ping, 'exit');
  },
};

const packets = JSON.parse(await text(process.stdin));
await Promise.all(packets.map((packet) => send[packet.protocol](packet)));
