// Run as `node dialler.ts SOCKET` in a network namespace: connects from there for whoever asks at the socket, by one line of
// JSON with a Place, and passes bytes on both ways. Ends with its parent.
import { connect, createServer, type Socket } from 'node:net'
import type { Place } from './calling.ts'

const server = createServer({ pauseOnConnect: true }, (caller) => {
  caller.on('error', () => {})
  let asked = ''
  caller.on('data', function read(chunk: Buffer) {
    asked += chunk.toString('latin1')
    const end = asked.indexOf('\n')
    if (end < 0) return
    caller.off('data', read).pause()
    join(caller, JSON.parse(asked.slice(0, end)) as Place, asked.slice(end + 1))
  })
  caller.resume()
})

function join(caller: Socket, place: Place, rest: string): void {
  const called = connect(place)
  if (rest !== '') called.write(rest, 'latin1')
  called.on('error', () => {})
  called.on('close', () => caller.destroy())
  caller.on('close', () => called.destroy())
  caller.pipe(called).pipe(caller)
}

process.on('disconnect', () => process.exit(0))
server.listen(process.argv[2], () => process.send?.('listening'))
