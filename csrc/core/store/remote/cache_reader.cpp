#include "store/remote/cache_reader.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <mutex>

#include "common/atomic_access.hpp"
#include "store/remote/forks.hpp"

extern char** environ;

namespace pypack {

namespace {

constexpr std::size_t kRemembered = 1 << 16;            // wants
constexpr std::int64_t kBetweenStarts = 2'000'000'000;  // nanoseconds, of fetchers

std::int64_t now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

std::uint64_t key_of(std::uint64_t group, std::int64_t block) {
    return group ^ (static_cast<std::uint64_t>(block) * 0x9e3779b97f4a7c15ULL);
}

// Whether somebody holds the lock of the fetcher.
bool fetcher_lives(const std::string& folder) {
    const int lock = ::open((folder + "/fetcher.lock").c_str(), O_RDWR | O_CLOEXEC | O_CREAT, 0600);
    if (lock < 0) throw RemoteError(folder + "/fetcher.lock: cannot open: " + std::strerror(errno));
    const bool is_free = ::flock(lock, LOCK_SH | LOCK_NB) == 0;
    ::close(lock);
    return !is_free;
}

}  // namespace

CacheReader::CacheReader(std::string folder, std::vector<std::string> command)
    : folder_(std::move(folder)), command_(std::move(command)) {
    const std::lock_guard lock(cache_mutex());
    forks_ = forks();
    open();
}

CacheReader::~CacheReader() {
    const std::lock_guard lock(cache_mutex());
    if (forks_ == forks() && !path_.empty()) ::unlink(path_.c_str());
    close();
}

void CacheReader::open() {
    static std::atomic<std::uint64_t> count{0};
    path_ = folder_ + "/readers/" + std::to_string(::getpid()) + "-" + std::to_string(now()) + "-" +
            std::to_string(count++);
    const std::string unlocked = path_ + ".new";  // which the fetcher leaves alone
    descriptor_ = ::open(unlocked.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0600);
    const std::size_t size = sizeof(WantsHeader) + kWants * sizeof(Want);
    if (descriptor_ < 0) throw RemoteError(unlocked + ": cannot make it: " + std::strerror(errno));
    // With all of its room on the disk: what is mapped and has none, when it is written to, ends the process.
    if (const int error = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(size)); error != 0) {
        ::unlink(unlocked.c_str());
        throw RemoteError("RemoteError\n" + unlocked + "\ncannot write to the cache: " +
                          std::strerror(error) + "; make room, or name another cache");
    }
    wants_ = SharedFile(unlocked, true, size);
    // Of the process, not of the descriptor: a forked child does not hold it. It goes when the process closes
    // any descriptor of the file, so that none is opened from here on.
    struct flock whole{};
    whole.l_type = F_WRLCK;
    if (::fcntl(descriptor_, F_SETLK, &whole) != 0) {
        throw RemoteError(unlocked + ": cannot lock it: " + std::strerror(errno));
    }
    header().process = ::getpid();
    header().capacity = kWants;
    store_release(header().magic, kWantsMagic);
    if (::rename(unlocked.c_str(), path_.c_str()) != 0) {
        throw RemoteError(path_ + ": cannot make it: " + std::strerror(errno));
    }
    last_due_.clear();
}

void CacheReader::close() {
    wants_ = SharedFile();
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
}

void CacheReader::be_of_this_process() {
    if (forks_ == forks()) return;
    const std::int64_t clock = header().clock;
    close();
    started_.clear();
    next_start_ = 0;
    forks_ = forks();
    open();
    header().clock = clock;
}

WantsHeader& CacheReader::header() const {
    return *reinterpret_cast<WantsHeader*>(wants_.data());
}

std::int64_t CacheReader::clock() const {
    return load_relaxed(header().clock);
}

std::int64_t CacheReader::tick() {
    const std::lock_guard lock(cache_mutex());
    be_of_this_process();
    const std::int64_t time = header().clock + 1;
    store_release(header().clock, time);
    return time;
}

void CacheReader::write(std::uint64_t group, std::int64_t block, std::int64_t due) {
    WantsHeader& head = header();
    auto* const wants = reinterpret_cast<Want*>(wants_.data() + sizeof(WantsHeader));
    wants[head.written % kWants] = {group, block, due};
    store_release(head.written, head.written + 1);
}

void CacheReader::want(std::uint64_t group, std::int64_t block, std::int64_t due) {
    const std::lock_guard lock(cache_mutex());
    be_of_this_process();
    if (last_due_.size() > kRemembered) {
        std::erase_if(last_due_, [&](const auto& one) { return one.second < header().clock; });
        if (last_due_.size() > kRemembered) last_due_.clear();
    }
    const auto [place, is_new] = last_due_.try_emplace(key_of(group, block), due);
    if (!is_new && due <= place->second + kSameWant) return;
    place->second = due;
    write(group, block, due);
}

void CacheReader::want_again(std::uint64_t group, std::int64_t block, std::int64_t due) {
    const std::lock_guard lock(cache_mutex());
    be_of_this_process();
    last_due_[key_of(group, block)] = due;
    write(group, block, due);
}

void CacheReader::report_damage(std::uint64_t group, std::int64_t segment) {
    // Called with the lock held, by who maps the segment.
    be_of_this_process();
    write(group, -1 - segment, header().clock);
}

void CacheReader::ring() {
    const std::lock_guard lock(cache_mutex());
    be_of_this_process();
    std::erase_if(started_, [](int process) { return ::waitpid(process, nullptr, WNOHANG) != 0; });
    const int bell = ::open((folder_ + "/bell").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (bell >= 0) {  // somebody has it open for reading
        const char one = 1;
        const auto written = ::write(bell, &one, 1);  // a full pipe wakes as well
        (void)written;
        ::close(bell);
    }
    if (fetcher_lives(folder_)) return;
    if (now() < next_start_) return;
    next_start_ = now() + kBetweenStarts;
    start_fetcher();
}

void CacheReader::start_fetcher() {
    std::vector<char*> arguments;
    for (std::string& argument : command_) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_init(&files);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
#ifdef POSIX_SPAWN_SETSID
    flags |= POSIX_SPAWN_SETSID;  // Ctrl-C is for who uses the fetcher
#endif
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigfillset(&usual);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &usual);
    ::posix_spawnattr_setflags(&attributes, flags);
    const std::string log = folder_ + "/fetcher.log";
    ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::posix_spawn_file_actions_adddup2(&files, 1, 2);
    pid_t process = 0;
    const int error =
        ::posix_spawn(&process, arguments.front(), &files, &attributes, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) {
        throw RemoteError(command_.front() +
                          ": cannot start the fetcher of the cache: " + std::strerror(error));
    }
    started_.push_back(process);
}

}  // namespace pypack
