/** Throws `TypeError` unless `timeZone` is known; `of` is the function it was given to. */
export function checkTimeZone(timeZone: string, of: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
  } catch {
    throw new TypeError(
      `${of}({ timeZone }): ${JSON.stringify(timeZone)} is not known; give a name such as 'Europe/Berlin', or an offset such as '+05:30'`,
    )
  }
}
