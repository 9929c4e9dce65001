// knock.mjs <address> <first> <last>: the TCP ports that answer, be it with a refusal, one a line.
import { connect } from 'node:net';

const [address, first, last] = process.argv.slice(2);
const ports = Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index);
const WAIT_MS = 4_000;

function knock(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(WAIT_MS, () => end(null));
    socket.on('connect', () => end(`${port} open`));
    socket.on('error', ({ code }) => end(code === 'ECONNREFUSED' ? `${port} refused` : null));
  });
}

for (let at = 0; at < ports.length; at += 400) {
  const answers = await Promise.all(ports.slice(at, at + 400).map(knock));
  for (const answer of answers) if (answer !== null) console.log(answer);
}
