const PART = /\.(css|js|map|png|jpe?g|gif|svg|ico|webp|woff2?|ttf|eot)$/i

/** Whether a path is of what comes along with a page and is asked for by no reader: styles, scripts, images, fonts. */
export function isPart(path: string): boolean {
  return PART.test(path)
}

/** Whether crawlers ask for it before they ask for anything else. */
export function isRobotsFile(path: string): boolean {
  return path.toLowerCase() === '/robots.txt'
}

/** Whether a path is one that somebody may have wanted to see. */
export function isPage(path: string): boolean {
  return !isPart(path) && !isRobotsFile(path)
}

const READING = /^\/(articles|blog|presentations|projects)(\/|$)/
const DOWNLOAD = /^\/files\/.*[^/]$|\.(deb|exe|gem|gz|jar|pdf|rpm|tgz|zip)$/i

/** Whether there is something to read. */
export function isReading(path: string): boolean {
  return READING.test(path) && !isDownload(path)
}

/** Whether it is a file to take home. */
export function isDownload(path: string): boolean {
  return DOWNLOAD.test(path)
}
