/** Takes a place and keeps it until it is killed. */
import { Places } from '../places.ts'

const places = new Places({ directory: process.argv[2]!, cluster: 'c' })
const { instanceId } = await places.take('app.p')
process.send!({ type: 'taken', instanceId })
process.on('message', () => places.release())
