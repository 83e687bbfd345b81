//! The vocabulary: a few hundred words of operations, and the names that programs make of them.

use super::random::{Random, Zipf};

/// The words, the frequent ones first.
const WORDS: &str = "the to of in for is and on not a with from at by error failed connection server request \
    file user service started starting stopped stopping session process system kernel network address port \
    timeout client response status message data value key id name type config default loading loaded path \
    directory root local remote host node cluster pod container image volume mount device disk memory cpu \
    usage limit size count total free used available cache buffer queue worker thread pool task handler \
    listener socket closed opened accepted refused reset retry attempt attempts backoff unable cannot could \
    was were has been will be are this that an as it or no yes all none true false null unknown invalid \
    missing found created deleted updated changed unchanged read write open close bind listen send receive \
    sent received bytes packets dropped lost latency seconds millis minute hour daily backup restore snapshot \
    replica primary secondary leader follower election vote term commit rollback transaction query table \
    index schema database row column insert update select delete upgrade install package version release \
    branch merge deploy deployment rollout revision job scheduler cron timer trigger event audit login logout \
    password token secret certificate expired expires renew issuer subject authority signature verify \
    verified denied permission policy role group account access allowed blocked rule firewall filter chain \
    input output forward route gateway proxy upstream downstream balancer health check probe ready live \
    degraded critical warning info debug trace notice alert panic fatal exception stack caused unexpected \
    internal external public private shared resource lock locked unlocked owner mode link hard soft archive \
    compressed extract checksum mismatch match pattern regex string number integer boolean object array list \
    map entry item field metric counter gauge histogram sample rate average percentile maximum minimum \
    threshold exceeded reached warmup shutdown graceful signal terminated killed exited code restart reload \
    enabled disabled active inactive pending running waiting sleeping zombie idle busy healthy unhealthy";

/// How many different words there are, names included.
const VOCABULARY: usize = 9000;

/// All words and how often each is drawn.
#[derive(Clone, Debug)]
pub struct Words {
    all: Vec<String>,
    zipf: Zipf,
}

impl Words {
    /// Makes the vocabulary of a seed: the list above, then names of two or three words as programs join them.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, u64::MAX);
        let base: Vec<&str> = WORDS.split_whitespace().filter(|word| word.len() > 2).collect();
        let mut all: Vec<String> = WORDS.split_whitespace().map(str::to_owned).collect();
        while all.len() < VOCABULARY {
            let [a, b, c] = [(); 3].map(|()| *random.pick(&base));
            all.push(match random.below(6) {
                0 => format!("{a}{}", capital(b)),
                1 => format!("{}{}{}", capital(a), capital(b), capital(c)),
                2 => format!("{a}_{b}"),
                3 => format!("{a}-{b}"),
                4 => format!("{a}{b}"),
                _ => format!("{a}.{b}.{c}"),
            });
        }
        let zipf = Zipf::new(all.len());
        Self { all, zipf }
    }

    /// Draws a word.
    pub fn draw(&self, random: &mut Random) -> &str {
        &self.all[self.zipf.draw(random)]
    }

    /// Draws some words and puts blanks between them.
    pub fn sentence(&self, random: &mut Random, least: usize, most: usize) -> String {
        let mut text = String::new();
        for at in 0..random.range(least, most) {
            if at > 0 {
                text.push(' ');
            }
            text.push_str(self.draw(random));
        }
        text
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}
