export type { EventAttributes } from './formats/cloudevents/attributes.ts'
export { type CloudEvent, cloudEvents } from './formats/cloudevents/cloud-events.ts'
export { eventHeaders, eventOf, structuredHeaders } from './formats/cloudevents/headers.ts'
