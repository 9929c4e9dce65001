// Opens TCP connections one after the other and prints the median time in microseconds: SOURCE DESTINATION COUNT. A refusal answers as fast as a welcome.
import net from 'node:net';

const [source, destination, count] = process.argv.slice(2);
const times = [];
for (let index = 0; index < Number(count); index += 1) {
  const begun = process.hrtime.bigint();
  await new Promise((done) => {
    const socket = net.connect({ host: destination, port: 7, localAddress: source });
    socket.on('error', () => {});
    socket.on('close', done);
  });
  times.push(Number(process.hrtime.bigint() - begun) / 1_000);
}
console.log(times.sort((a, b) => a - b)[Math.floor(times.length / 2)]);
