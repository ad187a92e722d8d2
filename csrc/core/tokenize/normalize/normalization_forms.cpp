#include "tokenize/normalize/normalization_forms.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "tokenize/unicode/ascii_block.hpp"

namespace pypack {

using unicode::NormalizationForm;

namespace {

// A character of a run that is being normalized; `change` as TextSink::put has it.
struct Piece {
    char32_t code_point;
    int change;
    std::uint8_t combining_class;
};

bool is_composed(NormalizationForm form) {
    return form == NormalizationForm::kNfc || form == NormalizationForm::kNfkc;
}

bool is_compatible(NormalizationForm form) {
    return form == NormalizationForm::kNfkd || form == NormalizationForm::kNfkc;
}

// By its first byte, whether a character may be other than inert. No ASCII character is; those of four bytes
// are looked up one by one.
struct ActiveLeads {
    std::array<bool, 256> active{};
    unsigned char lowest = 0xF0;
};

const ActiveLeads& active_leads(NormalizationForm form) {
    static const auto all = [] {
        std::array<ActiveLeads, 4> leads;
        for (unsigned i = 0; i < leads.size(); ++i) {
            for (unsigned lead = 0xF0; lead < 0x100; ++lead) leads[i].active[lead] = true;
            for (char32_t code_point = 0x80; code_point < 0x10000; ++code_point) {
                if (unicode::normalization_record(code_point).is_inert(static_cast<NormalizationForm>(i))) {
                    continue;
                }
                const auto lead = static_cast<unsigned char>(code_point < 0x800 ? 0xC0 | code_point >> 6
                                                                                : 0xE0 | code_point >> 12);
                leads[i].active[lead] = true;
                leads[i].lowest = std::min(leads[i].lowest, lead);
            }
        }
        return leads;
    }();
    return all[static_cast<unsigned>(form)];
}

// The first character that is not inert, or `end`.
const char* find_active(const char* p, const char* end, NormalizationForm form) {
    const ActiveLeads& leads = active_leads(form);
    const auto is_active = [&leads, form](const char* character) {
        return leads.active[static_cast<unsigned char>(*character)] &&
               !unicode::normalization_record(next_code_point(character)).is_inert(form);
    };
    constexpr auto kBlock = static_cast<std::ptrdiff_t>(ascii::kBlock);
    for (; end - p >= kBlock; p += kBlock) {
        for (ascii::Mask rest = ascii::at_least(p, leads.lowest); rest != 0; rest &= rest - 1) {
            const char* const character = p + std::countr_zero(rest);
            if (is_active(character)) return character;
        }
    }
    // A block may end inside a character, whose other bytes are then passed over.
    for (; p < end; ++p) {
        if (is_active(p)) return p;
    }
    return end;
}

// Whether nothing before code_point can move past it or join it, so that a run may end before it.
bool begins_run(char32_t code_point, NormalizationForm form) {
    char32_t first = code_point;
    bool seen = false;
    unicode::decompose(code_point, is_compatible(form), [&](char32_t part) {
        if (!seen) first = part;
        seen = true;
    });
    const auto record = unicode::normalization_record(first);
    return is_composed(form) ? record.is_inert(form) : record.combining_class() == 0;
}

void sort_marks(std::vector<Piece>& pieces) {
    const auto by_class = [](const Piece& a, const Piece& b) {
        return a.combining_class < b.combining_class;
    };
    const auto is_starter = [](const Piece& piece) { return piece.combining_class == 0; };
    for (auto run = pieces.begin(); run != pieces.end();) {
        run = std::find_if_not(run, pieces.end(), is_starter);
        const auto run_end = std::find_if(run, pieces.end(), is_starter);
        if (!std::is_sorted(run, run_end, by_class)) std::stable_sort(run, run_end, by_class);
        run = run_end;
    }
}

// Canonical composition, in place. A mark is blocked from the starter by one between them whose class is not
// lower than its own.
void compose_pieces(std::vector<Piece>& pieces) {
    std::size_t num_out = 0;
    std::size_t starter = pieces.size();  // none yet
    int last_class = -1;                  // of the marks since the starter that stayed
    for (const Piece piece : pieces) {
        if (starter < num_out && last_class < static_cast<int>(piece.combining_class)) {
            if (const auto whole = unicode::compose(pieces[starter].code_point, piece.code_point)) {
                pieces[starter].code_point = *whole;
                pieces[starter].change += piece.change - 1;
                continue;
            }
        }
        if (piece.combining_class == 0) {
            starter = num_out;
            last_class = -1;
        } else {
            last_class = piece.combining_class;
        }
        pieces[num_out++] = piece;
    }
    pieces.resize(num_out);
}

// Decomposes [p, ...) into pieces up to the end of the run; returns that end.
const char* collect_run(const char* p, const char* active, const char* end, NormalizationForm form,
                        std::vector<Piece>& pieces) {
    pieces.clear();
    while (p < end) {
        const char* next = p;
        const char32_t code_point = next_code_point(next);
        if (p > active &&
            (unicode::normalization_record(code_point).is_inert(form) || begins_run(code_point, form))) {
            break;
        }
        int change = 0;
        unicode::decompose(code_point, is_compatible(form), [&](char32_t part) {
            pieces.push_back({part, change, unicode::normalization_record(part).combining_class()});
            change = 1;
        });
        p = next;
    }
    return p;
}

}  // namespace

template <typename Sink>
bool normalize_form(std::string_view text, NormalizationForm form, Sink& sink) {
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const char* active = find_active(begin, end, form);
    if (active == end) return false;
    const char* done = begin;
    std::vector<Piece> pieces;
    while (active != end) {
        const char* run = active;
        if (is_composed(form) && run > done) {
            do --run;
            while (is_utf8_continuation(*run));
        }
        sink.keep({done, static_cast<std::size_t>(run - done)});
        done = collect_run(run, active, end, form, pieces);
        sort_marks(pieces);
        if (is_composed(form)) compose_pieces(pieces);
        for (const Piece& piece : pieces) sink.put(piece.code_point, piece.change);
        active = find_active(done, end, form);
    }
    sink.keep({done, static_cast<std::size_t>(end - done)});
    return true;
}

template bool normalize_form(std::string_view, NormalizationForm, TextSink&);
template bool normalize_form(std::string_view, NormalizationForm, AlignedSink&);

}  // namespace pypack
