// From virtual time to places on the picture, with stretches collapsed in which nothing happens.

/** A rising map of times to positions: the same as the time, but for collapsed stretches. */
class Scale {
  /** @param {number} from @param {number} to */
  constructor(from, to) {
    this.from = from;
    this.to = Math.max(to, from + 1);
    /** Ends of straight pieces. @type {Float64Array} */
    this.times = Float64Array.of(this.from, this.to);
    this.places = Float64Array.of(0, this.to - this.from);
    /** [from, to] of what is collapsed. @type {[number, number][]} */
    this.quiet = [];
  }

  /** How long it is, collapsed. */
  get length() {
    return this.places[this.places.length - 1];
  }

  /** Collapse every stretch between rising times that is longer than a fiftieth of the whole. @param {Float64Array[]} all */
  collapse(all) {
    const least = (this.to - this.from) / 50, next = all.map(() => 0);
    let last = this.from;
    const times = [this.from], places = [0];
    this.quiet = [];
    for (;;) {
      let first = Infinity, whose = -1;
      for (let i = 0; i < all.length; i++) {
        if (next[i] < all[i].length && all[i][next[i]] < first) {
          first = all[i][next[i]];
          whose = i;
        }
      }
      const now = Math.min(first, this.to);
      if (now - last > least) {
        this.quiet.push([last, now]);
        const place = places[places.length - 1] + last - times[times.length - 1];
        times.push(last, now);
        places.push(place, place + least / 10);
      }
      if (whose < 0) break;
      last = Math.max(last, now);
      next[whose]++;
    }
    const end = places[places.length - 1] + this.to - times[times.length - 1];
    this.times = Float64Array.from([...times, this.to]);
    this.places = Float64Array.from([...places, end]);
  }

  /** @param {number} time */
  place(time) {
    return between(this.times, this.places, time);
  }

  /** @param {number} place */
  time(place) {
    return between(this.places, this.times, place);
  }

  /** Places of rising times. @param {Float64Array} times @param {number} shift */
  placesOf(times, shift) {
    const found = new Float64Array(times.length);
    if (!this.quiet.length) {
      const by = shift - this.from;
      for (let i = 0; i < times.length; i++) found[i] = times[i] + by;
      return found;
    }
    let piece = 0;
    for (let i = 0; i < times.length; i++) {
      const time = times[i] + shift;
      while (piece < this.times.length - 2 && time > this.times[piece + 1]) piece++;
      found[i] = within(this.times, this.places, piece, time);
    }
    return found;
  }
}

/** @param {Float64Array} from @param {Float64Array} to @param {number} value */
function between(from, to, value) {
  const piece = Math.min(Math.max(0, firstAtLeast(from, value) - 1), from.length - 2);
  return within(from, to, piece, value);
}

/** @param {Float64Array} from @param {Float64Array} to @param {number} piece @param {number} value */
function within(from, to, piece, value) {
  const span = from[piece + 1] - from[piece];
  return span === 0 ? to[piece] : to[piece] + ((value - from[piece]) / span) * (to[piece + 1] - to[piece]);
}

/** The part of the scale that is looked at. */
class View {
  /** @param {Scale} scale */
  constructor(scale) {
    this.scale = scale;
    this.left = 0;
    this.right = scale.length;
  }

  /** Show from there to there, within the run. @param {number} left @param {number} right */
  show(left, right) {
    const whole = this.scale.length, span = Math.min(Math.max(right - left, 10), whole * 1.02 + 10);
    const first = Math.min(Math.max(left, -span * 0.5), whole - span * 0.5);
    this.left = first;
    this.right = first + span;
  }

  all() {
    const margin = this.scale.length * 0.01;
    this.show(-margin, this.scale.length + margin);
  }

  /** @param {number} factor below 1 zooms in @param {number} about the share of the width that stays, 0 to 1 */
  zoom(factor, about) {
    const span = this.right - this.left, centre = this.left + span * about, wide = Math.max(span * factor, 10);
    this.show(centre - wide * about, centre + wide * (1 - about));
  }

  /** @param {number} share of the width */
  pan(share) {
    const by = (this.right - this.left) * share;
    this.show(this.left + by, this.right + by);
  }

  /** Bring a place into the picture, if it is not. @param {number} place */
  reveal(place) {
    const span = this.right - this.left;
    if (place < this.left + span * 0.04 || place > this.right - span * 0.04) this.show(place - span / 2, place + span / 2);
  }
}

/** Round times for an axis: [time, text]. @param {View} view @param {number} most @returns {[number, string][]} */
function ticks(view, most) {
  const from = view.scale.time(view.left), to = view.scale.time(view.right);
  const rough = Math.max((to - from) / most, 1), power = 10 ** Math.floor(Math.log10(rough));
  const step = /** @type {number} */ ([1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough));
  /** @type {[number, string][]} */
  const found = [];
  for (let time = Math.max(0, Math.ceil(from / step) * step); time <= to && found.length < 200; time += step) {
    found.push([time, duration(Math.round(time))]);
  }
  return found;
}
